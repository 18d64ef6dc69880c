"""Which engine and precision serve best on this CPU, and ready graphs on OpenVINO; nothing here waits for torch."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Literal

from models.arrays import F32
from models.errors import ModelError

Body = Callable[[F32], F32]
"""A compiled body: float32 (N,3,H,W) of a fixed shape in, the body's single output out."""
Engine = Literal["torch", "openvino"]
Precision = Literal["fp32", "bf16"]
"""Of the torch networks' arithmetic; the light network's eight-bit graphs are `models.light.export.quantized`."""


@cache
def has_bf16() -> bool:
    """Whether this processor multiplies bfloat16 in hardware (AVX512-BF16, AMX or Arm BF16)."""
    flags = Path("/proc/cpuinfo")
    text = flags.read_text() if flags.is_file() else ""
    return any(name in text for name in ("avx512_bf16", "amx_bf16", " bf16"))


@cache
def has_int8() -> bool:
    """Whether eight-bit integers are fastest here: AVX512-VNNI, AVX-VNNI or AMX, or AVX2 (docs/benchmarks/light.md)."""
    flags = Path("/proc/cpuinfo")
    text = flags.read_text() if flags.is_file() else ""
    return any(name in text for name in ("avx512_vnni", "avx_vnni", "amx_int8", "avx2"))


def choose_engine(wanted: Literal["auto", "torch", "openvino"]) -> Engine:
    """The engine to use: "auto" is OpenVINO where it is installed, else torch.

    Raises:
        ModelError: OpenVINO is asked for and is not installed.
    """
    installed = importlib.util.find_spec("openvino") is not None
    if wanted == "openvino" and not installed:
        raise ModelError("OpenVINO is not installed", "network.engine", "pip install openvino, or set it to torch")
    if wanted == "auto":
        return "openvino" if installed else "torch"
    return wanted


def choose_precision(wanted: Literal["auto", "fp32", "bf16", "int8"]) -> Precision:
    """The precision of a network's own arithmetic: "auto" is bf16 where the processor has it.

    Raises:
        ModelError: int8 is asked for; only the light network has eight-bit graphs.
    """
    if wanted == "int8":
        remedy = "use auto, fp32 or bf16"
        raise ModelError("only the light network has eight-bit graphs", "network.precision", remedy)
    if wanted == "auto":
        return "bf16" if has_bf16() else "fp32"
    return wanted


def import_openvino() -> Any:
    """The OpenVINO module, kept from reporting home: its telemetry package would send an event at every import.

    Marked as absent it is replaced by OpenVINO's own stub (docs/decisions/telemetry.md).
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    return importlib.import_module("openvino")


@cache
def openvino_core() -> Any:
    """This process's one OpenVINO core, never given up.

    Each core's CPU plugin puts its own alternate signal stack in the place of the one it finds, and unmaps it when it
    goes. Two that go in the order they came leave the thread with a stack that is no more, and the next signal that
    Python handles (a Ctrl-C, a child's end under a DataLoader) kills the process.
    """
    return import_openvino().Core()


def compile_request(graph: Any, *, threads: int, precision: Precision | None = None) -> Any:
    """An OpenVINO request that runs a graph on this machine's processor, its threads left to move between cores.

    Unless told not to, OpenVINO binds the calling thread to a core, in every process to the same one: workers side by
    side then share that core while the others idle.

    Args:
        graph: an OpenVINO model.
        threads: compute threads.
        precision: of the arithmetic; None leaves it to OpenVINO.
    """
    settings: dict[str, Any] = {
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,
    }
    if precision is not None:
        settings["INFERENCE_PRECISION_HINT"] = "bf16" if precision == "bf16" else "f32"
    return openvino_core().compile_model(graph, "CPU", settings).create_infer_request()


def compile_graph(graph: Any, *, precision: Precision, threads: int) -> Body:
    """Make an OpenVINO model of one fixed shape, one input and one output ready to run.

    Several threads may run it at once, each call on so many compute threads of its own: for every further one that runs
    beside others it is made ready once more. (Requests of one that is made ready for several calls, `NUM_STREAMS`, take
    a sixth longer.)
    """
    spare = [compile_request(graph, threads=threads, precision=precision)]

    def run(x_NCHW: F32) -> F32:
        try:
            request = spare.pop()
        except IndexError:
            request = compile_request(graph, threads=threads, precision=precision)
        try:
            request.infer({0: x_NCHW}, share_inputs=True)
            return request.get_output_tensor(0).data.copy()
        finally:
            spare.append(request)

    return run
