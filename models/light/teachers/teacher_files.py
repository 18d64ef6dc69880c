"""Files of teachers: a check that they exist, and ONNX files opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from models.engines.engine import openvino_core
from models.errors import ModelError


def require_file(path: Path) -> None:
    """Raises: ModelError when a teacher's file is missing."""
    if not path.is_file():
        raise ModelError(
            "the teacher's file is missing", str(path), f"give the path of your copy of the {path.suffix} file"
        )


def reading_core(path: Path) -> Any:
    """The OpenVINO core that reads a teacher's file. Raises: ModelError when OpenVINO is missing."""
    try:
        return openvino_core()
    except ImportError as error:
        raise ModelError("OpenVINO, which reads it, is not installed", str(path), "pip install openvino") from error


def open_session(path: Path, threads: int) -> Any:
    """Open an ONNX file on the CPU with a fixed number of threads.

    Raises:
        ModelError: the file, or ONNX Runtime, is missing.
    """
    require_file(path)
    try:
        import onnxruntime
    except ImportError as error:
        what = "ONNX Runtime, which runs the teachers, is not installed"
        raise ModelError(what, str(path), "pip install '.[teachers]'") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
