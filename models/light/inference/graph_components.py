"""Components as OpenVINO graphs, in a file beside the weights they come from: in int8, or a detector in floating point.

A stored graph needs no torch, whose import is slow.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from models.engines.engine import CompiledNetwork, Precision, compile_graph, openvino_core
from models.errors import ModelError
from models.files.atomic_file import atomic_write
from models.files.safetensors_file import read_metadata
from models.light.architecture.sizes import ComponentName, read_sizes
from models.light.architecture.weight_paths import graph_path, quantized_path
from models.light.inference.batched_network import LightComponents

INT8_BATCH = 4
"""Images in one call in int8; larger batches are not faster."""


REMEDY = "make it with `-c quantize_light`, or use network.precision: auto; a built-in file comes with the program"


@dataclass(frozen=True, kw_only=True)
class OpenvinoGraph:
    """An OpenVINO model: its XML description and its constants, as OpenVINO writes them."""

    xml: bytes
    constants: bytes

    @cached_property
    def sha256(self) -> str:
        """Of both."""
        return hashlib.sha256(self.xml + self.constants).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphComponent:
    """A component as its graph.

    Attributes:
        graph: for images of any size.
        channels: of its input.
        precision: of what is not quantised.
        threads: compute threads of a call.
        batch_size: images in one call. Each has the same bits as alone.
    """

    graph: OpenvinoGraph
    channels: int
    precision: Precision
    threads: int
    batch_size: int

    def compiled(self, count: int, height: int, width: int) -> CompiledNetwork:
        """The component for inputs (count, channels, height, width)."""
        model = openvino_core().read_model(model=self.graph.xml, weights=self.graph.constants)
        shape = [count, self.channels, height, width]
        model.reshape(shape)
        identity = f"{self.graph.sha256} {shape}"
        return compile_graph(model, precision=self.precision, threads=self.threads, identity=identity)


def int8_light(path: Path, sha256: str, *, threads: int) -> LightComponents:
    """Both components in int8, for the weights of a file.

    Raises: ModelError when the graphs beside the weights are missing, damaged, or come from other weights.
    """
    graphs = read_graphs(quantized_path(path), sha256, ("detector", "surface"))
    crops = read_sizes(path).surface.crops
    channels: dict[ComponentName, int] = {"detector": 3, "surface": crops.channels}
    made = {
        # bf16 between int8 layers is not faster than fp32.
        name: GraphComponent(
            graph=graph, channels=channels[name], precision="fp32", threads=threads, batch_size=INT8_BATCH
        )
        for name, graph in graphs.items()
    }
    return LightComponents(detector=made["detector"], surface=made["surface"], crops=crops)


def float_detector(path: Path, sha256: str, *, precision: Precision, threads: int) -> GraphComponent:
    """A detector in floating point, for the weights of a file; otherwise as `int8_light`."""
    graph = read_graphs(graph_path(path), sha256, ("detector",))["detector"]
    return GraphComponent(graph=graph, channels=3, precision=precision, threads=threads, batch_size=1)


def write_graphs(path: Path, source_sha256: str, graphs: Mapping[ComponentName, OpenvinoGraph]) -> None:
    """Write graphs that come from the weights with this sha256; a failure leaves no partial file."""
    tensors = {
        f"{name}.{field}": np.frombuffer(getattr(graph, field), np.uint8)
        for name, graph in graphs.items()
        for field in ("xml", "constants")
    }
    with atomic_write(path) as draft:
        draft.write_bytes(save(tensors, {"kind": "light graphs", "source_sha256": source_sha256}))


def read_graphs(
    path: Path, source_sha256: str, names: Sequence[ComponentName]
) -> dict[ComponentName, OpenvinoGraph]:
    """The graphs of a file.

    Args:
        path: of the graphs.
        source_sha256: of the weights that they must come from.
        names: of the graphs.

    Raises:
        ModelError: the file is missing, is damaged, or comes from other weights.
    """
    if not path.is_file():
        raise ModelError("the light network's graphs are missing", str(path), REMEDY)
    try:
        with safe_open(path, "np") as file:
            source = (file.metadata() or {}).get("source_sha256", "")
            graphs = {
                name: OpenvinoGraph(
                    xml=file.get_tensor(f"{name}.xml").tobytes(),
                    constants=file.get_tensor(f"{name}.constants").tobytes(),
                )
                for name in names
            }
    except Exception as error:  # safetensors raises its own error for a damaged header, others for wrong types
        raise ModelError(f"not a file of graphs ({error})", str(path), REMEDY) from error
    if source != source_sha256:
        raise ModelError("these graphs come from other weights", str(path), REMEDY)
    return graphs


def has_graphs_of(path: Path, source_sha256: str) -> bool:
    """Whether a file holds graphs of the weights with this sha256. Raises: ModelError when it is damaged."""
    if not path.is_file():
        return False
    try:
        return read_metadata(path).get("source_sha256") == source_sha256
    except ValueError as error:
        raise ModelError(f"not a file of graphs ({error})", str(path), "delete or remake it") from error
