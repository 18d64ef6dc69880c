"""The light network's file of weights: both networks' tensors, half precision, `detector.…` and `surface.…`."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from models.errors import ModelError
from models.light.files import require_weights


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a light network's file, float32, keys `detector.…` and `surface.…`.

    Raises:
        ModelError: the file is missing or not one of these.
    """
    require_weights(path)
    try:
        tensors = load_file(path)
    except Exception as error:  # safetensors raises its own SafetensorError, OSError or ValueError for damaged files
        raise ModelError(
            f"not a safetensors file ({error})", str(path), "train or download the weights again"
        ) from error
    return {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}


def write_weights(path: Path, detector: dict[str, torch.Tensor], surface: dict[str, torch.Tensor]) -> None:
    """Write both networks' state into one file, whole or not at all."""
    tensors = {f"detector.{name}": value.contiguous() for name, value in detector.items()}
    tensors.update({f"surface.{name}": value.contiguous() for name, value in surface.items()})
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, metadata={"kind": "light"})
    partial.replace(path)


def fill(net: nn.Module, tensors: dict[str, torch.Tensor], prefix: str, path: Path) -> None:
    """Load the tensors under a prefix. Raises: ModelError naming the keys that do not fit."""
    mine = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    wanted = net.state_dict()
    wrong = sorted(wanted.keys() ^ mine.keys())
    wrong += sorted(name for name in wanted.keys() & mine.keys() if wanted[name].shape != mine[name].shape)
    if wrong:
        keys = ", ".join(prefix + name for name in wrong[:5])
        raise ModelError(f"{len(wrong)} weights do not fit the light network: {keys}", str(path), "use its own weights")
    net.load_state_dict(mine)
