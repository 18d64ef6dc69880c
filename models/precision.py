"""On which device and in which precision a network runs."""

from __future__ import annotations

from typing import Any, Literal

import torch

from models.errors import ModelError


def choose_device(wish: Literal["auto", "cpu", "cuda"]) -> torch.device:
    """The device of a wish; "auto" is a GPU when there is one.

    Raises:
        ModelError: a GPU is asked for and there is none.
    """
    if wish == "cuda" and not torch.cuda.is_available():
        raise ModelError("there is no GPU that torch can use", "network.device", "use auto or cpu")
    if wish == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(wish)


def choose_dtype(wish: Literal["auto", "fp32", "bf16"], device: torch.device) -> torch.dtype:
    """The number format of a wish; "auto" is bf16 where the hardware multiplies it, else fp32."""
    if wish == "auto":
        return torch.bfloat16 if multiplies_bf16(device) else torch.float32
    return torch.bfloat16 if wish == "bf16" else torch.float32


def multiplies_bf16(device: torch.device) -> bool:
    """Whether the device has bf16 multiplication; a torch too old to know the processor counts as no."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("arm_bf16"))
