"""Choice of engine and precision on a CPU, and compilation with OpenVINO. This module does not import torch."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Literal

from models.arrays import F32
from models.engines.compiled_cache import compiled_model
from models.errors import ModelError

CompiledNetwork = Callable[[F32], F32]
"""A network compiled for one input shape: from float32 (N,3,H,W) to its single output."""
Engine = Literal["torch", "openvino"]
Precision = Literal["fp32", "bf16"]
"""Precision of the arithmetic. The light network also has int8 graphs (`models.light.inference.graph_components`)."""


@cache
def has_bf16() -> bool:
    """Whether this processor has bfloat16 instructions (AVX512-BF16, AMX or Arm BF16)."""
    flags = Path("/proc/cpuinfo")
    text = flags.read_text() if flags.is_file() else ""
    return any(name in text for name in ("avx512_bf16", "amx_bf16", " bf16"))


@cache
def has_int8() -> bool:
    """Whether int8 is the fastest precision on this processor: it has AVX512-VNNI, AVX-VNNI, AMX or AVX2."""
    flags = Path("/proc/cpuinfo")
    text = flags.read_text() if flags.is_file() else ""
    return any(name in text for name in ("avx512_vnni", "avx_vnni", "amx_int8", "avx2"))


def cpu_engine(wanted: Literal["auto", "torch", "openvino"]) -> Engine:
    """The engine on a CPU: "auto" is OpenVINO if it is installed, else torch.

    Raises:
        ModelError: "openvino" is requested but not installed.
    """
    installed = importlib.util.find_spec("openvino") is not None
    if wanted == "openvino" and not installed:
        raise ModelError("OpenVINO is not installed", "network.engine", "pip install openvino, or set it to torch")
    if wanted == "auto":
        return "openvino" if installed else "torch"
    return wanted


def cpu_precision(wanted: Literal["auto", "fp32", "bf16", "int8"]) -> Precision:
    """The precision on a CPU: "auto" is bf16 if the processor supports it, else fp32.

    Raises:
        ModelError: "int8" is requested; only the light network has int8 graphs.
    """
    if wanted == "int8":
        remedy = "use auto, fp32 or bf16"
        raise ModelError("only the light network has int8 graphs", "network.precision", remedy)
    if wanted == "auto":
        return "bf16" if has_bf16() else "fp32"
    return wanted


def import_openvino() -> Any:
    """Import OpenVINO without its telemetry package, which would send an event at every import.

    OpenVINO uses its own stub when that package is absent (docs/decisions/dependencies.md).
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    return importlib.import_module("openvino")


@cache
def openvino_core() -> Any:
    """The only OpenVINO core of this process. It is never destroyed.

    The CPU plugin of each core replaces the thread's alternate signal stack and unmaps it when the core is destroyed.
    If two cores are destroyed in the order of their creation, the thread keeps an unmapped stack. The next signal that
    Python handles (Ctrl-C, the end of a DataLoader's child) then kills the process.
    """
    return import_openvino().Core()


def compile_request(graph: Any, *, threads: int, precision: Precision | None = None, identity: str = "") -> Any:
    """An OpenVINO inference request for a graph on the CPU, without pinning of threads to cores.

    With pinning, OpenVINO binds the calling thread of every process to the same core: processes that run side by side
    then share one core.

    Args:
        graph: an OpenVINO model.
        threads: number of compute threads.
        precision: of the arithmetic; None: OpenVINO chooses.
        identity: of the graph and its shape, under which the compiled graph is kept on disk; "" = it is not kept.
    """
    settings: dict[str, Any] = {
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,
    }
    if precision is not None:
        settings["INFERENCE_PRECISION_HINT"] = "bf16" if precision == "bf16" else "f32"
    return compiled_model(openvino_core(), graph, settings, identity).create_infer_request()


def compile_graph(graph: Any, *, precision: Precision, threads: int, identity: str = "") -> CompiledNetwork:
    """Compile an OpenVINO model with one input of a fixed shape and one output; arguments as of `compile_request`.

    Several threads may call the result at once. Each concurrent call has its own compiled copy and `threads` compute
    threads. (One model with several streams, `NUM_STREAMS`, is slower.)
    """
    spare = [compile_request(graph, threads=threads, precision=precision, identity=identity)]

    def run(x_NCHW: F32) -> F32:
        try:
            request = spare.pop()
        except IndexError:
            request = compile_request(graph, threads=threads, precision=precision, identity=identity)
        try:
            request.infer({0: x_NCHW}, share_inputs=True)
            return request.get_output_tensor(0).data.copy()
        finally:
            spare.append(request)

    return run
