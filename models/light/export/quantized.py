"""The light network in eight-bit integers: two ready graphs in one file beside the weights they were made from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from models.engines.engine import CompiledNetwork, compile_graph, openvino_core
from models.errors import ModelError
from models.files.atomic_file import atomic_write
from models.files.safetensors_file import read_metadata
from models.light.architecture.files import quantized_path

Half = Literal["detector", "surface"]

TOGETHER = 4
"""Pictures in a call, each of which has the same bits as alone. One thread of an AMD EPYC without AMX takes 7.1 ms for
a crop alone, 6.4 of two, 6.1 of four and of eight; for a picture of 384 × 288 5.6, 5.0 and 4.8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """An OpenVINO model: its description and its constants, as OpenVINO writes them."""

    xml: bytes
    constants: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizedLight:
    """Both networks quantised, and the sha256 of the weights' file they come from."""

    source_sha256: str
    detector: Graph
    surface: Graph


class ReadyLight:
    """Both networks in eight-bit integers, made from the weights of a file."""

    together = TOGETHER

    def __init__(self, path: Path, sha256: str, *, threads: int) -> None:
        """Raises: ModelError when the graphs beside the weights are missing, damaged, or of other weights."""
        self._graphs = read_quantized(quantized_path(path), sha256)
        self._threads = threads

    def body(self, half: Half, count: int, height: int, width: int) -> CompiledNetwork:
        """One of the networks for inputs (count, 3, height, width)."""
        return compile_quantized(getattr(self._graphs, half), (count, 3, height, width), self._threads)


def write_quantized(path: Path, made: QuantizedLight) -> None:
    """Write the file whole or not at all."""
    tensors = {
        f"{name}.{field}": np.frombuffer(getattr(graph, field), np.uint8)
        for name, graph in (("detector", made.detector), ("surface", made.surface))
        for field in ("xml", "constants")
    }
    with atomic_write(path) as draft:
        draft.write_bytes(save(tensors, {"kind": "light int8", "source_sha256": made.source_sha256}))


def read_quantized(path: Path, source_sha256: str) -> QuantizedLight:
    """Read the graphs made from the weights of a sha256.

    Raises:
        ModelError: the file is missing, damaged, or was made from other weights.
    """
    remedy = "make it with `run_pipeline.py -c quantize_light`, or use network.precision: auto"
    if not path.is_file():
        raise ModelError("the light network's eight-bit graphs are missing", str(path), remedy)
    try:
        with safe_open(path, "np") as file:
            source = (file.metadata() or {}).get("source_sha256", "")
            graphs = {
                name: Graph(**{field: file.get_tensor(f"{name}.{field}").tobytes() for field in ("xml", "constants")})
                for name in ("detector", "surface")
            }
    except Exception as error:  # damaged headers raise safetensors' own error, other kinds of numbers others
        raise ModelError(f"not a file of eight-bit graphs ({error})", str(path), remedy) from error
    if source != source_sha256:
        raise ModelError("these eight-bit graphs were made from other weights", str(path), remedy)
    return QuantizedLight(source_sha256=source, **graphs)


def fits(path: Path, source_sha256: str) -> bool:
    """Whether a file holds graphs made from the weights of that sha256. Raises: ModelError when it is damaged."""
    if not path.is_file():
        return False
    try:
        return read_metadata(path).get("source_sha256") == source_sha256
    except ValueError as error:
        raise ModelError(f"not a file of eight-bit graphs ({error})", str(path), "delete or remake it") from error


def compile_quantized(graph: Graph, shape: tuple[int, int, int, int], threads: int) -> CompiledNetwork:
    """Make a quantised graph ready for inputs of one shape."""
    model = openvino_core().read_model(model=graph.xml, weights=graph.constants)
    model.reshape(list(shape))
    # What is not quantised stays in float32: bfloat16 between integers gained nothing measurable.
    return compile_graph(model, precision="fp32", threads=threads)
