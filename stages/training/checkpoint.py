"""Read the checkpoint of a training."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch

from models.checkpoints.torch_file import read_torch_file
from pipeline.stage import StageError

KEYS = {"net", "average", "optimizer", "step"}


def read_checkpoint(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """The state that `Fit.save` wrote: `net`, `average` (state dicts, the average on the device), `optimizer`, `step`.

    Raises: StageError if there is no file, or another one.
    """
    if not path.is_file():
        raise StageError("there is no checkpoint", str(path), "run the training first")
    remedy = "name a state.pt that a training wrote, or remove it and train again"
    try:
        state = read_torch_file(path)
    except (pickle.UnpicklingError, OSError) as error:
        raise StageError(f"the checkpoint cannot be read ({error})", str(path), remedy) from error
    whole = isinstance(state, dict) and state.keys() >= KEYS and type(state["step"]) is int
    if not whole or not _is_tensors(state["net"]) or not _is_tensors(state["average"]):
        raise StageError("this is not a training's checkpoint", str(path), remedy)
    return {**state, "average": {name: value.to(device) for name, value in state["average"].items()}}


def _is_tensors(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(one, torch.Tensor) for one in value.values())


def average_of(path: Path) -> dict[str, torch.Tensor]:
    """The moving average of a training's weights. Raises: StageError as `read_checkpoint`."""
    average: dict[str, torch.Tensor] = read_checkpoint(path)["average"]
    return average
