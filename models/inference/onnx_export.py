"""Export of networks to ONNX files. Each file is compared with its network."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.architecture.fcn import FullConvNet
from models.architecture.rcnn import fold_norms
from models.cache import user_path
from models.checkpoints.trained_weights import load_trained
from models.errors import ModelError
from models.files.atomic_file import atomic_write
from models.inference.onnx_network import WholeNetwork
from models.inference.zoo_network import limits_of, load_zoo
from models.light.architecture.surface_net import PickedSurface
from models.light.architecture.weight_files import load_networks, load_yolox
from models.light.architecture.weight_paths import YOLOX, uses_yolox, weights_path
from models.network import NetworkConfig

OPSET = 17


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxGraph:
    """A network with one input, for export.

    Attributes:
        name: of the file, without suffix.
        network: in evaluation mode.
        inputs, outputs: names; there is one input.
        free: axes of variable length by name of input or output, as for `torch.onnx.export`.
        examples: inputs of several sizes. The first is traced; the others check that other sizes work.
    """

    name: str
    network: nn.Module
    inputs: tuple[str]
    outputs: tuple[str, ...]
    free: dict[str, dict[int, str]]
    examples: tuple[Tensor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A written ONNX file.

    Attributes:
        path: of the file.
        error: largest difference from the network over all examples, by output.
        most: rows of the first output for each example; for a whole network, the number of people.
    """

    path: Path
    error: dict[str, float]
    most: tuple[int, ...]


def graphs_of(config: NetworkConfig, images: Sequence[np.ndarray]) -> list[OnnxGraph]:
    """The graphs of a configured network.

    Args:
        config: the `network:` section.
        images: examples, uint8 (H, W, 3) RGB.

    Raises:
        ModelError: weights are missing or do not fit, or the network is fully convolutional.
    """
    if config.kind == "light":
        return light_graphs(weights_path(config.weights), images, yolox=uses_yolox(config))
    if config.kind == "zoo":
        network, path = load_zoo(config)
        name = config.weights.removeprefix("zoo:") if config.weights.startswith("zoo:") else path.stem
    else:
        path = user_path(config.weights)
        trained, about, _ = load_trained(path)
        if isinstance(trained, FullConvNet):
            raise ModelError(f"a network of kind {about.kind} cannot be exported", str(path), "use one of kind rcnn")
        network, name = trained, path.stem
    fold_norms(network)
    limits = limits_of(config)
    whole = WholeNetwork(network, limits.min_score, limits.nms_threshold, limits.max_people)
    free = {"rgb": {0: "H", 1: "W"}} | {output: {0: "people"} for output in whole.names}
    examples = tuple(torch.from_numpy(np.ascontiguousarray(image)) for image in images)
    return [OnnxGraph(name=name, network=whole, inputs=("rgb",), outputs=whole.names, free=free, examples=examples)]


def light_graphs(path: Path, images: Sequence[np.ndarray], *, yolox: bool) -> list[OnnxGraph]:
    """The light network's two components; between them the caller selects people and crops them.

    `yolox`: the detector is YOLOX, not that of the file.
    """
    own, surface = load_networks(path)
    detector = load_yolox(YOLOX) if yolox else own
    floats = [torch.from_numpy(np.ascontiguousarray(one)).permute(2, 0, 1)[None].float() for one in images]
    whole = tuple(one[:, :, : one.shape[2] // 32 * 32, : one.shape[3] // 32 * 32] for one in floats)
    crops = tuple(
        nn.functional.pad(
            nn.functional.interpolate(one, (surface.sizes.crop,) * 2, mode="area"),
            (0, 0, 0, 0, 0, surface.channels - 3),
        ).expand(count, -1, -1, -1)
        for count, one in enumerate(floats, 1)
    )
    sizes = {0: "images", 2: "H", 3: "W"}
    return [
        OnnxGraph(
            name=f"{path.stem}_detector",
            network=detector,
            inputs=("rgb",),
            outputs=("rows",),
            examples=whole,
            free={"rgb": sizes, "rows": {0: "images", 1: "locations"}},
        ),
        OnnxGraph(
            name=f"{path.stem}_surface",
            network=PickedSurface(surface, candidates=1),
            inputs=("rgb",),
            outputs=("maps",),
            examples=crops,
            free={"rgb": {0: "people"}, "maps": {0: "people"}},
        ),
    ]


def write_graph(graph: OnnxGraph, folder: Path, *, threads: int) -> Exported:
    """Write an ONNX file atomically, after ONNX Runtime has run it on all examples.

    Raises:
        ModelError: onnx or ONNX Runtime is not installed, or an output has the wrong shape.
    """
    for package in ("onnx", "onnxruntime"):
        if importlib.util.find_spec(package) is None:
            raise ModelError(f"{package} is not installed", "export_onnx", "pip install '.[onnx]'")
    network = graph.network.eval().requires_grad_(False)
    path = folder / f"{graph.name}.onnx"
    with atomic_write(path) as draft:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                network,
                (graph.examples[0],),
                str(draft),
                input_names=list(graph.inputs),
                output_names=list(graph.outputs),
                dynamic_axes=graph.free,
                opset_version=OPSET,
                dynamo=False,  # torch.export does not support a number of people that depends on the image
            )
        error, most = compare(graph, draft, threads)
    return Exported(path=path, error=error, most=most)


def compare(graph: OnnxGraph, path: Path, threads: int) -> tuple[dict[str, float], tuple[int, ...]]:
    """Largest difference between file and network by output, and rows of the first output for each example."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    error = dict.fromkeys(graph.outputs, 0.0)
    most: list[int] = []
    for example in graph.examples:
        with torch.no_grad():
            wanted: Any = graph.network(example)
        outputs = session.run(None, {graph.inputs[0]: example.contiguous().numpy()})
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        most.append(len(outputs[0]))
        for name, own, found in zip(graph.outputs, wanted, outputs, strict=True):
            if own.shape != found.shape:
                raise ModelError(f"{name} has {len(found)} rows instead of {len(own)}", str(path), "report this")
            if own.numel():
                error[name] = max(error[name], float(np.abs(own.numpy() - found).max()))
    return error, tuple(most)
