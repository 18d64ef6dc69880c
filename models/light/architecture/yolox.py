"""YOLOX-nano for one class, people (Ge et al., *YOLOX: Exceeding YOLO Series in 2021*; Megvii, Apache-2.0).

The network as published, with its batch norms folded into the convolutions and only the class "person" kept. It takes
RGB, and answers in the rows of `PersonDetector`, so that either can serve as the component `detector`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from models.light.architecture.blocks import upsample
from models.light.architecture.detector_locations import STRIDES

WIDTHS = (16, 32, 64, 128, 256)
"""Channels at strides 2, 4, 8, 16 and 32."""
BLOCKS = (1, 3, 3, 1)
"""Residual blocks at strides 4, 8, 16 and 32."""
HEAD = 64
"""Channels of the heads."""
POOLED = (5, 9, 13)
"""Windows of the pooling pyramid at stride 32."""
LEAST_REACH = 0.02
"""Least distance in strides from a location to each side of its box; the published network sets no such bound."""


class ConvSiLU(nn.Module):
    """Convolution with bias and SiLU: `(N, c_in, H, W)` to `(N, c_out, H / stride, W / stride)`."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, kernel, stride, (kernel - 1) // 2, groups=groups)
        self.act = nn.SiLU(inplace=True)

    def forward(self, x_NCHW: torch.Tensor) -> torch.Tensor:
        """Channels and size as stated above."""
        return self.act(self.conv(x_NCHW))


def separable(c_in: int, c_out: int, stride: int = 1) -> nn.Sequential:
    """A convolution in space, channel by channel, then one over channels (MobileNet, Howard et al., 2017)."""
    return nn.Sequential(ConvSiLU(c_in, c_in, 3, stride, groups=c_in), ConvSiLU(c_in, c_out, 1))


class SeparableBlock(nn.Module):
    """1x1, then a separable convolution, with or without a residual; keeps the shape."""

    def __init__(self, channels: int, *, residual: bool) -> None:
        super().__init__()
        self.mix = ConvSiLU(channels, channels, 1)
        self.spread = separable(channels, channels)
        self.residual = residual

    def forward(self, x_NCHW: torch.Tensor) -> torch.Tensor:
        """Same shape in and out."""
        y_NCHW = self.spread(self.mix(x_NCHW))
        return y_NCHW + x_NCHW if self.residual else y_NCHW


class CrossStage(nn.Module):
    """Half of the channels pass through blocks, half beside them (CSPNet, Wang et al., 2020)."""

    def __init__(self, c_in: int, c_out: int, blocks: int, *, residual: bool = True) -> None:
        super().__init__()
        self.main = ConvSiLU(c_in, c_out // 2, 1)
        self.beside = ConvSiLU(c_in, c_out // 2, 1)
        self.blocks = nn.Sequential(*[SeparableBlock(c_out // 2, residual=residual) for _ in range(blocks)])
        self.join = ConvSiLU(c_out, c_out, 1)

    def forward(self, x_NCHW: torch.Tensor) -> torch.Tensor:
        """(N, c_in, H, W) to (N, c_out, H, W)."""
        main, beside = self.main(x_NCHW), self.beside(x_NCHW)
        return self.join(torch.cat([self.blocks(main), beside], 1))


class PoolingPyramid(nn.Module):
    """Joins the maxima of growing windows (SPP, He et al., 2015); keeps the shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze = ConvSiLU(channels, channels // 2, 1)
        self.join = ConvSiLU(channels // 2 * (1 + len(POOLED)), channels, 1)

    def forward(self, x_NCHW: torch.Tensor) -> torch.Tensor:
        """Same shape in and out."""
        x_NCHW = self.squeeze(x_NCHW)
        pooled = [nn.functional.max_pool2d(x_NCHW, window, 1, window // 2) for window in POOLED]
        return self.join(torch.cat([x_NCHW, *pooled], 1))


class SeparableBackbone(nn.Module):
    """CSPDarknet with separable convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvSiLU(3, WIDTHS[0], 6, 2)
        self.shrink = nn.ModuleList(separable(*pair, 2) for pair in pairwise(WIDTHS))
        self.stages = nn.ModuleList(
            CrossStage(width, width, blocks, residual=width != WIDTHS[-1])
            for width, blocks in zip(WIDTHS[1:], BLOCKS, strict=True)
        )
        self.pool = PoolingPyramid(WIDTHS[-1])

    def forward(self, x_NCHW: torch.Tensor) -> list[torch.Tensor]:
        """Feature maps at strides 8, 16, 32 of an image whose sides are multiples of 32."""
        x_NCHW, maps = self.stem(x_NCHW), []
        for shrink, stage in zip(self.shrink, self.stages, strict=True):
            x_NCHW = shrink(x_NCHW)
            if stage is self.stages[-1]:
                x_NCHW = self.pool(x_NCHW)
            x_NCHW = stage(x_NCHW)
            maps.append(x_NCHW)
        return maps[1:]


class Pyramid(nn.Module):
    """A pyramid from the coarsest map down and up again (PANet, Liu et al., 2018)."""

    def __init__(self) -> None:
        super().__init__()
        c8, c16, c32 = WIDTHS[2:]
        self.squeeze32 = ConvSiLU(c32, c16, 1)
        self.down16 = CrossStage(2 * c16, c16, 1, residual=False)
        self.squeeze16 = ConvSiLU(c16, c8, 1)
        self.down8 = CrossStage(2 * c8, c8, 1, residual=False)
        self.shrink8 = separable(c8, c8, 2)
        self.up16 = CrossStage(2 * c8, c16, 1, residual=False)
        self.shrink16 = separable(c16, c16, 2)
        self.up32 = CrossStage(2 * c16, c32, 1, residual=False)

    def forward(self, maps: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Feature maps at strides 8, 16, 32, with their shapes."""
        x8, x16, x32 = maps
        narrow32 = self.squeeze32(x32)
        narrow16 = self.squeeze16(self.down16(torch.cat([upsample(narrow32), x16], 1)))
        out8 = self.down8(torch.cat([upsample(narrow16), x8], 1))
        out16 = self.up16(torch.cat([self.shrink8(out8), narrow16], 1))
        return [out8, out16, self.up32(torch.cat([self.shrink16(out16), narrow32], 1))]


class DecoupledHead(nn.Module):
    """Two branches at one stride: one says what is there, the other where it ends."""

    def __init__(self, c_in: int) -> None:
        super().__init__()
        self.stem = ConvSiLU(c_in, HEAD, 1)
        self.what = nn.Sequential(separable(HEAD, HEAD), separable(HEAD, HEAD))
        self.person = nn.Conv2d(HEAD, 1, 1)
        self.where = nn.Sequential(separable(HEAD, HEAD), separable(HEAD, HEAD))
        self.box = nn.Conv2d(HEAD, 4, 1)
        self.objectness = nn.Conv2d(HEAD, 1, 1)

    def forward(self, x_NCHW: torch.Tensor) -> torch.Tensor:
        """(N, 6, H, W): logit of a person, offset x, y and log of width, height in strides, logit of an object."""
        x_NCHW = self.stem(x_NCHW)
        person = self.person(self.what(x_NCHW))
        where = self.where(x_NCHW)
        return torch.cat([person, self.box(where), self.objectness(where)], 1)


class YoloxDetector(nn.Module):
    """YOLOX-nano, of people alone."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = SeparableBackbone()
        self.pyramid = Pyramid()
        self.heads = nn.ModuleList(DecoupledHead(width) for width in WIDTHS[2:])
        assert len(self.heads) == len(STRIDES)

    def predictions(self, rgb_NCHW: torch.Tensor) -> torch.Tensor:
        """What the heads predict at every location, (N, P, 6), for pixels 0..255."""
        maps = self.pyramid(self.backbone(rgb_NCHW))
        return torch.cat([head(one).flatten(2) for head, one in zip(self.heads, maps, strict=True)], 2).transpose(1, 2)

    def forward(self, rgb_NCHW: torch.Tensor) -> torch.Tensor:
        """Rows (N, P, 5) as `PersonDetector.read` has them, for pixels 0..255 whose sides are multiples of 32."""
        return rows_of_predictions(self.predictions(rgb_NCHW))


def rows_of_predictions(row_NP6: torch.Tensor) -> torch.Tensor:
    """Score logit and log-distances (left, top, right, bottom, in strides) of each location, (N, P, 5).

    The score is the product of both probabilities. Distances are measured from the centre of the location's cell, from
    whose corner the network measures. A box that does not contain this centre is enlarged to it.
    """
    person, middle, size, thing = row_NP6.split((1, 2, 2, 1), -1)
    score = -torch.logsumexp(torch.stack([-person, -thing, -person - thing]), 0)
    half, offset = size.exp() / 2, middle - 0.5
    reach = torch.cat([half - offset, half + offset], -1).clamp(min=LEAST_REACH)
    return torch.cat([score, reach.log()], -1)
