"""Choice of device, engine and precision for torch networks."""

from __future__ import annotations

from typing import Literal

import torch

from models.engines.engine import Engine, Precision, cpu_engine, cpu_precision
from models.errors import ModelError


def choose_device(wanted: Literal["auto", "cpu", "cuda"], key: str = "network.device") -> torch.device:
    """The device for a configured value; "auto" is a GPU if there is one.

    Args:
        wanted: the configured value.
        key: configuration key, for the message.

    Raises:
        ModelError: "cuda" is requested but torch finds no GPU.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise ModelError("there is no GPU that torch can use", key, "use auto or cpu")
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(wanted)


def device_name(device: torch.device) -> str:
    """A device for reports: "cpu", or "cuda" with the name of the GPU."""
    return f"cuda ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else "cpu"


def choose_engine(wanted: Literal["auto", "torch", "openvino"], device: torch.device) -> Engine:
    """The engine for a configured value: torch on a GPU; on a CPU "auto" is OpenVINO if it is installed.

    Raises:
        ModelError: "openvino" is requested but not installed, or the device is a GPU.
    """
    if device.type == "cpu":
        return cpu_engine(wanted)
    if wanted == "openvino":
        raise ModelError("OpenVINO runs on the CPU here", "network.engine", "use auto or torch, or network.device: cpu")
    return "torch"


def choose_precision(wanted: Literal["auto", "fp32", "bf16", "int8"], device: torch.device) -> Precision:
    """The precision for a configured value; "auto" is bf16 if the hardware supports it, else fp32.

    Raises:
        ModelError: "int8" is requested; only the light network has int8 graphs.
    """
    if device.type == "cpu" or wanted == "int8":
        return cpu_precision(wanted)
    if wanted == "auto":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return wanted
