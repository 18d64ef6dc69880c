"""The components of the light network in int8: two OpenVINO graphs in one file beside the weights they come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from models.engines.engine import CompiledNetwork, compile_graph, openvino_core
from models.errors import ModelError
from models.files.atomic_file import atomic_write
from models.files.safetensors_file import read_metadata
from models.light.architecture.sizes import ComponentName, read_sizes
from models.light.architecture.weight_paths import quantized_path

BATCH_SIZE = 4
"""Images in one call. Each has the same bits as alone, and larger batches are not faster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenvinoGraph:
    """An OpenVINO model: its XML description and its constants, as OpenVINO writes them."""

    xml: bytes
    constants: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizedLight:
    """The graphs of both components, and the sha256 of the file of weights they come from."""

    source_sha256: str
    detector: OpenvinoGraph
    surface: OpenvinoGraph


class Int8Components:
    """Both components in int8, for the weights of a file."""

    batch_size = BATCH_SIZE

    def __init__(self, path: Path, sha256: str, *, threads: int) -> None:
        """Raises: ModelError when the graphs beside the weights are missing, damaged, or come from other weights."""
        self._graphs = read_quantized(quantized_path(path), sha256)
        self._threads = threads
        self.crops = read_sizes(path).surface.crops

    def compiled(self, component: ComponentName, count: int, height: int, width: int) -> CompiledNetwork:
        """A component for inputs (count, C, height, width); C is 3 for the detector, `crops.channels` for the other."""
        channels = self.crops.channels if component == "surface" else 3
        return compile_quantized(getattr(self._graphs, component), (count, channels, height, width), self._threads)


def write_quantized(path: Path, quantized: QuantizedLight) -> None:
    """Write the file; a failure leaves no partial file."""
    tensors = {
        f"{name}.{field}": np.frombuffer(getattr(graph, field), np.uint8)
        for name, graph in (("detector", quantized.detector), ("surface", quantized.surface))
        for field in ("xml", "constants")
    }
    with atomic_write(path) as draft:
        draft.write_bytes(save(tensors, {"kind": "light int8", "source_sha256": quantized.source_sha256}))


def read_quantized(path: Path, source_sha256: str) -> QuantizedLight:
    """The graphs of a file.

    Args:
        path: of the graphs.
        source_sha256: of the weights that they must come from.

    Raises:
        ModelError: the file is missing, is damaged, or comes from other weights.
    """
    remedy = "make it with `-c quantize_light`, or use network.precision: auto"
    if not path.is_file():
        raise ModelError("the light network's 8-bit graphs are missing", str(path), remedy)
    try:
        with safe_open(path, "np") as file:
            source = (file.metadata() or {}).get("source_sha256", "")
            graphs = {
                name: OpenvinoGraph(
                    xml=file.get_tensor(f"{name}.xml").tobytes(),
                    constants=file.get_tensor(f"{name}.constants").tobytes(),
                )
                for name in ("detector", "surface")
            }
    except Exception as error:  # safetensors raises its own error for a damaged header, others for wrong types
        raise ModelError(f"not a file of 8-bit graphs ({error})", str(path), remedy) from error
    if source != source_sha256:
        raise ModelError("these 8-bit graphs come from other weights", str(path), remedy)
    return QuantizedLight(source_sha256=source, **graphs)


def has_graphs_of(path: Path, source_sha256: str) -> bool:
    """Whether a file holds graphs of the weights with this sha256. Raises: ModelError when it is damaged."""
    if not path.is_file():
        return False
    try:
        return read_metadata(path).get("source_sha256") == source_sha256
    except ValueError as error:
        raise ModelError(f"not a file of 8-bit graphs ({error})", str(path), "delete or remake it") from error


def compile_quantized(graph: OpenvinoGraph, shape: tuple[int, int, int, int], threads: int) -> CompiledNetwork:
    """Compile a quantised graph for inputs of one shape."""
    model = openvino_core().read_model(model=graph.xml, weights=graph.constants)
    model.reshape(list(shape))
    # Layers that are not quantised stay in float32: bf16 between int8 layers is not faster.
    return compile_graph(model, precision="fp32", threads=threads)
