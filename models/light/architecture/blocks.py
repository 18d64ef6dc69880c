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


class SelfAttention(nn.Module):
    """Every place sees every other (Vaswani et al. 2017), added to what stood there; shape kept.

    Where a place is, its features know by the borders of the convolutions before.
    """

    def __init__(self, channels: int, heads: int = 4) -> None:
        """Raises: ValueError for channels that the heads cannot share alike."""
        super().__init__()
        if channels % heads:
            raise ValueError(f"{channels} channels cannot be shared by {heads} heads")
        self.heads = heads
        self.norm = nn.BatchNorm2d(channels)
        self.ask = nn.Conv2d(channels, 3 * channels, 1, bias=False)
        self.tell = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.tell.weight)
        assert self.tell.bias is not None
        nn.init.zeros_(self.tell.bias)

    def forward(self, x_NCHW: torch.Tensor) -> torch.Tensor:
        """Same shape in and out."""
        query, key, value = self.ask(self.norm(x_NCHW)).flatten(2).unflatten(1, (3, self.heads, -1)).unbind(1)
        share_NhPP = (query.transpose(2, 3) @ key * query.shape[2] ** -0.5).softmax(3)
        seen_NhCP = value @ share_NhPP.transpose(2, 3)
        return x_NCHW + self.tell(seen_NhCP.flatten(1, 2).unflatten(2, x_NCHW.shape[2:]))


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


def attentive(channels: int, count: int) -> nn.Sequential:
    """`count` times self-attention and a bottleneck, which change nothing before they have learnt."""
    return nn.Sequential(*[block(channels) for _ in range(count) for block in (SelfAttention, Bottleneck)])


def trunk_stage(c_in: int, c_out: int, blocks: int) -> nn.Sequential:
    """Halve the resolution, then `blocks` bottlenecks."""
    return nn.Sequential(ConvNormAct(c_in, c_out, 3, 2), *bottlenecks(c_out, blocks))


def upsample(x_NCHW: torch.Tensor) -> torch.Tensor:
    """Nearest-neighbour doubling, as in FPN."""
    return nn.functional.interpolate(x_NCHW, scale_factor=2.0, mode="nearest")
