"""A light network that knows nothing: what it finds means nothing, and must be equal in every run."""

from __future__ import annotations

from pathlib import Path

import torch

from models.light.architecture.detector import PersonDetector
from models.light.architecture.surface_net import SurfaceNet
from models.light.architecture.weight_files import write_weights


def random_weights(folder: Path) -> Path:
    """The weights' file in a folder, which is written where it is not there."""
    path = folder / "random.safetensors"
    if not path.exists():
        torch.manual_seed(0)
        write_weights(path, PersonDetector().state_dict(), SurfaceNet().state_dict())
    return path
