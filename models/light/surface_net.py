"""Stage 2 of the light DensePose-RCNN: body parts and their U, V on the crop of one person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

from models.light.blocks import Context, ConvNormAct, trunk_stage, upsample
from models.light.detector import MEAN, STD

CROP = 160
"""Pixels of the square crop."""
GRID = CROP // 2
"""Cells of the label grid along a side."""
CHARTS = 24


class SurfaceLogits(NamedTuple):
    """Maps on the grid: person logit (N,1,G,G), part logits given a person (N,24,G,G), U and V per part (N,24,G,G)."""

    person: torch.Tensor
    part: torch.Tensor
    u: torch.Tensor
    v: torch.Tensor


class SurfaceNet(nn.Module):
    """A trunk at strides 2..16, a decoder back to stride 4, and one linear map to the four outputs at stride 2."""

    def __init__(
        self, widths: Sequence[int] = (24, 48, 96, 224), blocks: Sequence[int] = (1, 4, 5), wide: int = 64
    ) -> None:
        super().__init__()
        self.stem = ConvNormAct(3, widths[0], 3, 2)
        self.stages = nn.ModuleList(
            trunk_stage(c_in, c_out, count) for c_in, c_out, count in zip(widths[:-1], widths[1:], blocks, strict=True)
        )
        self.context = Context(widths[3])
        self.lateral8 = nn.Conv2d(widths[3], widths[2], 1)
        self.decode8 = ConvNormAct(widths[2], widths[2], 3)
        self.lateral4 = nn.Conv2d(widths[2], widths[1], 1)
        self.decode4 = ConvNormAct(widths[1], wide, 3)
        self.read = nn.Conv2d(wide, 4 * (1 + 3 * CHARTS), 1)

    def forward(self, rgb_NCHW: torch.Tensor) -> SurfaceLogits:
        """Maps of crops (N, 3, CROP, CROP) of pixels 0..255."""
        x4 = self.stages[0](self.stem((rgb_NCHW - MEAN) / STD))
        x8 = self.stages[1](x4)
        x16 = self.context(self.stages[2](x8))
        x8 = self.decode8(x8 + upsample(self.lateral8(x16)))
        x4 = self.decode4(x4 + upsample(self.lateral4(x8)))
        maps = nn.functional.pixel_shuffle(self.read(x4), 2)
        person, part, u, v = maps.split([1, CHARTS, CHARTS, CHARTS], 1)
        return SurfaceLogits(person, part, u * 0.25 + 0.5, v * 0.25 + 0.5)


class PickedSurface(nn.Module):
    """A `SurfaceNet` that already picked the likeliest part of every cell and its U and V: five maps, not 73."""

    def __init__(self, net: SurfaceNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, rgb_NCHW: torch.Tensor) -> torch.Tensor:
        """(N, 5, G, G): person logit, chart 1..24, U, V, probability of that chart given a person."""
        maps = self.net(rgb_NCHW)
        odds = maps.part.softmax(1)
        best, index = odds.max(1, keepdim=True)
        u, v = maps.u.gather(1, index), maps.v.gather(1, index)
        return torch.cat([maps.person, index.to(maps.person.dtype) + 1, u, v, best], 1)
