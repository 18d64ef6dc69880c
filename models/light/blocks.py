"""The building blocks of the light networks: plain convolutions, which CPUs and their compilers run best."""

from __future__ import annotations

import torch
from torch import nn


class ConvNormAct(nn.Sequential):
    """Convolution, batch norm, ReLU; `(N, c_in, H, W)` to `(N, c_out, H / stride, W / stride)`."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(c_out),
            nn.ReLU(inplace=True),
        )


class Bottleneck(nn.Module):
    """Residual block 1x1 to half the channels, 3x3, 1x1 back (He et al. 2016), shape kept."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze = ConvNormAct(channels, channels // 2, 1)
        self.mix = ConvNormAct(channels // 2, channels // 2, 3)
        self.expand = nn.Sequential(nn.Conv2d(channels // 2, channels, 1, bias=False), nn.BatchNorm2d(channels))
        self.act = nn.ReLU(inplace=True)
        norm = self.expand[1]
        assert isinstance(norm, nn.BatchNorm2d)
        nn.init.zeros_(norm.weight)

    def forward(self, x_NCHW: torch.Tensor) -> torch.Tensor:
        """Same shape in and out."""
        return self.act(x_NCHW + self.expand(self.mix(self.squeeze(x_NCHW))))


class Context(nn.Module):
    """Tell every place what the whole picture holds: the mean over it, through 1x1, added (as in ParseNet)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.tell = nn.Sequential(
            nn.Conv2d(channels, channels, 1), nn.ReLU(inplace=True), nn.Conv2d(channels, channels, 1)
        )

    def forward(self, x_NCHW: torch.Tensor) -> torch.Tensor:
        """Same shape in and out."""
        return x_NCHW + self.tell(x_NCHW.mean((2, 3), keepdim=True))


def bottlenecks(channels: int, count: int) -> nn.Sequential:
    """`count` bottlenecks, each of which changes nothing (after a ReLU) before it has learnt."""
    return nn.Sequential(*[Bottleneck(channels) for _ in range(count)])


def trunk_stage(c_in: int, c_out: int, blocks: int) -> nn.Sequential:
    """Halve the resolution, then `blocks` bottlenecks."""
    return nn.Sequential(ConvNormAct(c_in, c_out, 3, 2), *bottlenecks(c_out, blocks))


def upsample(x_NCHW: torch.Tensor) -> torch.Tensor:
    """Nearest-neighbour doubling, as in FPN."""
    return nn.functional.interpolate(x_NCHW, scale_factor=2.0, mode="nearest")
