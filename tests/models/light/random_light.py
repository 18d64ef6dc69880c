"""A light network with random weights, which detects people in noise and predicts a person in every crop."""

from __future__ import annotations

from pathlib import Path

import torch

from models.light.architecture.detector import PersonDetector
from models.light.architecture.sizes import LightSizes, SurfaceSizes
from models.light.architecture.surface_net import SurfaceNet
from models.light.architecture.weight_files import write_weights

SMALL = SurfaceSizes(widths=(8, 16, 24, 32), blocks=(1, 1, 1), wide=16, refined=(1, 1), attention=1)
"""Every kind of block, as small as possible: in noise, dozens of people get several passes each."""


def write_random_light(path: Path) -> Path:
    """Write these weights, always the same; returns the path."""
    torch.manual_seed(0)
    detector, surface = PersonDetector(), SurfaceNet(SMALL)
    for module in detector.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
    torch.nn.init.normal_(detector.score.weight, std=0.5)
    assert surface.read.bias is not None
    torch.nn.init.constant_(surface.read.bias[:4], 1.0)
    write_weights(path, detector.state_dict(), surface.state_dict(), LightSizes(surface=SMALL))
    return path
