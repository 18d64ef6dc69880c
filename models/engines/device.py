"""Choice of device, engine and precision for torch networks."""

from __future__ import annotations

from typing import Literal

import torch

from models.engines.engine import Engine, Precision, cpu_engine, cpu_precision
from models.errors import ModelError


def choose_device(wish: Literal["auto", "cpu", "cuda"], key: str = "network.device") -> torch.device:
    """The device for a configured value; "auto" is a GPU if there is one.

    Args:
        wish: the configured value.
        key: configuration key, for the message.

    Raises:
        ModelError: "cuda" is requested but torch finds no GPU.
    """
    if wish == "cuda" and not torch.cuda.is_available():
        raise ModelError("there is no GPU that torch can use", key, "use auto or cpu")
    if wish == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(wish)


def choose_engine(wish: Literal["auto", "torch", "openvino"], device: torch.device) -> Engine:
    """The engine for a configured value: torch on a GPU; on a CPU "auto" is OpenVINO if it is installed.

    Raises:
        ModelError: "openvino" is requested but not installed, or the device is a GPU.
    """
    if device.type == "cpu":
        return cpu_engine(wish)
    if wish == "openvino":
        raise ModelError("OpenVINO runs on the CPU here", "network.engine", "use auto or torch, or network.device: cpu")
    return "torch"


def choose_precision(wish: Literal["auto", "fp32", "bf16", "int8"], device: torch.device) -> Precision:
    """The precision for a configured value; "auto" is bf16 if the hardware supports it, else fp32.

    Raises:
        ModelError: "int8" is requested; only the light network has int8 graphs.
    """
    if device.type == "cpu" or wish == "int8":
        return cpu_precision(wish)
    if wish == "auto":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return wish
