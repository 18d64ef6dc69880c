"""Networks as ONNX files, each checked against the network it was made from."""

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
from models.checkpoints.trained import load_trained
from models.errors import ModelError
from models.files.whole_file import whole_file
from models.inference.onnx_network import WholeNetwork
from models.inference.zoo_network import limits_of, load_zoo
from models.light.architecture.files import weights_path
from models.light.architecture.pixels import CROP
from models.light.architecture.surface_net import PickedSurface
from models.light.architecture.weights import load_networks
from models.network import NetworkConfig
from models.places import path_named

OPSET = 17


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A network of one input on its way into a file.

    Attributes:
        name: of the file, without suffix.
        network: in evaluation mode.
        inputs, outputs: names; there is one input.
        free: axes of any length by name of input or output, as `torch.onnx.export` takes them.
        examples: inputs of several sizes; the first is traced, the others show that its sizes are not kept.
    """

    name: str
    network: nn.Module
    inputs: tuple[str]
    outputs: tuple[str, ...]
    free: dict[str, dict[int, str]]
    examples: tuple[Tensor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A file that was written: the largest difference of each output from the network's own, over all examples.

    Attributes:
        most: rows of the first output in each example: of a whole network, the people found.
    """

    path: Path
    error: dict[str, float]
    most: tuple[int, ...]


def graphs_of(config: NetworkConfig, pictures: Sequence[np.ndarray]) -> list[Graph]:
    """What a configured network is made of.

    Args:
        pictures: examples, uint8 (H, W, 3) RGB.

    Raises:
        ModelError: weights that are missing or do not fit, or a network that answers otherwise than by people.
    """
    if config.kind == "light":
        return light_graphs(weights_path(config.weights), pictures)
    if config.kind == "zoo":
        network, path = load_zoo(config)
        name = config.weights.removeprefix("zoo:") if config.weights.startswith("zoo:") else path.stem
    else:
        path = path_named(config.weights)
        trained, about, _ = load_trained(path)
        if isinstance(trained, FullConvNet):
            raise ModelError(f"networks of kind {about.kind} are not exported", str(path), "export one of kind rcnn")
        network, name = trained, path.stem
    fold_norms(network)
    limits = limits_of(config)
    whole = WholeNetwork(network, limits.score_threshold, limits.nms_threshold, limits.max_people)
    free = {"rgb": {0: "height", 1: "width"}} | {output: {0: "people"} for output in whole.names}
    examples = tuple(torch.from_numpy(np.ascontiguousarray(picture)) for picture in pictures)
    return [Graph(name=name, network=whole, inputs=("rgb",), outputs=whole.names, free=free, examples=examples)]


def light_graphs(path: Path, pictures: Sequence[np.ndarray]) -> list[Graph]:
    """The light network's two halves; between them the caller chooses people and cuts out their crops."""
    detector, surface = load_networks(path)
    floats = [torch.from_numpy(np.ascontiguousarray(one)).permute(2, 0, 1)[None].float() for one in pictures]
    whole = tuple(one[:, :, : one.shape[2] // 32 * 32, : one.shape[3] // 32 * 32] for one in floats)
    crops = tuple(
        nn.functional.interpolate(one, (CROP, CROP), mode="area").expand(count, -1, -1, -1)
        for count, one in enumerate(floats, 1)
    )
    sizes = {0: "pictures", 2: "height", 3: "width"}
    return [
        Graph(
            name=f"{path.stem}_detector",
            network=detector,
            inputs=("rgb",),
            outputs=("rows",),
            examples=whole,
            free={"rgb": sizes, "rows": {0: "pictures", 1: "places"}},
        ),
        Graph(
            name=f"{path.stem}_surface",
            network=PickedSurface(surface, choices=1),
            inputs=("rgb",),
            outputs=("maps",),
            examples=crops,
            free={"rgb": {0: "people"}, "maps": {0: "people"}},
        ),
    ]


def write_graph(graph: Graph, folder: Path, *, threads: int) -> Exported:
    """Write the file whole or not at all, after ONNX Runtime ran it on all examples.

    Raises:
        ModelError: onnx or ONNX Runtime is not installed.
    """
    for package in ("onnx", "onnxruntime"):
        if importlib.util.find_spec(package) is None:
            raise ModelError(f"{package} is not installed", "export_onnx", "pip install '.[onnx]'")
    network = graph.network.eval().requires_grad_(False)
    path = folder / f"{graph.name}.onnx"
    with whole_file(path) as draft:
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
                dynamo=False,  # torch.export cannot follow numbers of people that depend on the picture
            )
        error, most = compare(graph, draft, threads)
    return Exported(path=path, error=error, most=most)


def compare(graph: Graph, path: Path, threads: int) -> tuple[dict[str, float], tuple[int, ...]]:
    """Largest difference of every output between file and network, and the rows of each example's first output."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    error = dict.fromkeys(graph.outputs, 0.0)
    most: list[int] = []
    for example in graph.examples:
        with torch.no_grad():
            wanted: Any = graph.network(example)
        answers = session.run(None, {graph.inputs[0]: example.contiguous().numpy()})
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        most.append(len(answers[0]))
        for name, own, found in zip(graph.outputs, wanted, answers, strict=True):
            if own.shape != found.shape:
                raise ModelError(f"{name} has {len(found)} rows instead of {len(own)}", str(path), "report this")
            if own.numel():
                error[name] = max(error[name], float(np.abs(own.numpy() - found).max()))
    return error, tuple(most)
