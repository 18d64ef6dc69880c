"""On which device, with which engine and in which precision the published network runs."""

from __future__ import annotations

from typing import Literal

import torch

from models.engines import engine as cpu
from models.engines.engine import Engine, Precision
from models.errors import ModelError


def choose_device(wish: Literal["auto", "cpu", "cuda"], key: str = "network.device") -> torch.device:
    """The device of a wish, which the configuration's `key` holds; "auto" is a GPU when there is one.

    Raises:
        ModelError: a GPU is asked for and there is none.
    """
    if wish == "cuda" and not torch.cuda.is_available():
        raise ModelError("there is no GPU that torch can use", key, "use auto or cpu")
    if wish == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(wish)


def choose_engine(wish: Literal["auto", "torch", "openvino"], device: torch.device) -> Engine:
    """The engine of a wish: torch on a GPU; on a CPU "auto" is OpenVINO where it is installed.

    Raises:
        ModelError: OpenVINO is asked for and is not installed, or for a GPU.
    """
    if device.type == "cpu":
        return cpu.choose_engine(wish)
    if wish == "openvino":
        raise ModelError("OpenVINO runs on the CPU here", "network.engine", "use auto or torch, or network.device: cpu")
    return "torch"


def choose_precision(wish: Literal["auto", "fp32", "bf16", "int8"], device: torch.device) -> Precision:
    """The precision of a wish; "auto" is bf16 where the hardware multiplies it, else fp32.

    Raises:
        ModelError: int8 is asked for; only the light network has eight-bit graphs.
    """
    if device.type == "cpu" or wish == "int8":
        return cpu.choose_precision(wish)
    if wish == "auto":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return wish
