"""The device that a training computes on."""

from __future__ import annotations

from typing import Literal

import torch

from models.inference.precision import choose_device


def training_device(wish: Literal["auto", "cpu", "cuda"], key: str) -> torch.device:
    """The device of a wish; on a GPU float32 products may take TF32, and convolutions the fastest algorithm tried.

    Raises: ModelError naming `key`: a GPU is asked for and there is none.
    """
    device = choose_device(wish, key)
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.benchmark = True
    return device
