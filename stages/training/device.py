"""The device that a training computes on, and the arithmetic of its network."""

from __future__ import annotations

from typing import Literal

import torch

from models.engines.device import choose_device, choose_precision


def training_device(wish: Literal["auto", "cpu", "cuda"], key: str) -> torch.device:
    """The device of a setting; on a GPU float32 products may take TF32, and convolutions the fastest algorithm tried.

    Raises: ModelError naming `key`: a GPU is requested and there is none.
    """
    device = choose_device(wish, key)
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.benchmark = True
    return device


def arithmetic(wish: Literal["auto", "fp32", "bf16"], device: torch.device) -> torch.autocast:
    """The context in which a network computes: "auto" is bfloat16 where the hardware multiplies it, else float32.

    A CPU that emulates bfloat16 is far slower with it.
    """
    bf16 = choose_precision(wish, device) == "bf16"
    return torch.autocast(device.type, torch.bfloat16, enabled=bf16)
