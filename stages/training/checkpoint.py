"""Reading the checkpoint of a training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from pipeline.stage import StageError

KEYS = {"net", "average", "optimizer", "step"}


def read_checkpoint(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """What `Fit.save` wrote: `net`, `average` (state dicts), `optimizer`, `step`.

    Raises: StageError where there is no file, or another one.
    """
    if not path.is_file():
        raise StageError("there is no checkpoint", str(path), "run the training first")
    remedy = "name a state.pt that a training wrote, or remove it and train again"
    try:
        state = torch.load(path, weights_only=True, map_location=device)
    except Exception as error:  # torch raises whatever zipfile, pickle or a tensor's reader do
        what = str(error).partition("\n")[0]
        raise StageError(f"the checkpoint cannot be read ({what})", str(path), remedy) from error
    if not isinstance(state, dict) or not state.keys() >= KEYS:
        raise StageError("this is not a training's checkpoint", str(path), remedy)
    return state


def average_of(path: Path) -> dict[str, torch.Tensor]:
    """The moving average of a training's weights. Raises: StageError as `read_checkpoint`."""
    average: dict[str, torch.Tensor] = read_checkpoint(path)["average"]
    return average
