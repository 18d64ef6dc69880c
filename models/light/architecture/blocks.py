"""Building blocks of the light network: plain convolutions, which CPUs and graph compilers run best."""

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


class LightBottleneck(nn.Module):
    """Residual block: 1x1 to half of the channels, 3x3, 1x1 back (He et al., 2016); keeps the shape."""

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
    """Self-attention over all positions (Vaswani et al., 2017) as a residual; keeps the shape.

    There is no position encoding: the zero padding of earlier convolutions carries the position.
    """

    def __init__(self, channels: int, heads: int = 4) -> None:
        """Raises: ValueError if the number of channels is no multiple of the number of heads."""
        super().__init__()
        if channels % heads:
            raise ValueError(f"{channels} channels cannot be divided among {heads} heads")
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
        context_NhCP = value @ share_NhPP.transpose(2, 3)
        return x_NCHW + self.tell(context_NhCP.flatten(1, 2).unflatten(2, x_NCHW.shape[2:]))


class Context(nn.Module):
    """Adds the mean over the whole image, after two 1x1 convolutions, at every position (ParseNet, 2015)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.tell = nn.Sequential(
            nn.Conv2d(channels, channels, 1), nn.ReLU(inplace=True), nn.Conv2d(channels, channels, 1)
        )

    def forward(self, x_NCHW: torch.Tensor) -> torch.Tensor:
        """Same shape in and out."""
        return x_NCHW + self.tell(x_NCHW.mean((2, 3), keepdim=True))


def bottlenecks(channels: int, count: int) -> nn.Sequential:
    """`count` bottlenecks. New ones change nothing after a ReLU, until they are trained."""
    return nn.Sequential(*[LightBottleneck(channels) for _ in range(count)])


def attention_blocks(channels: int, count: int) -> nn.Sequential:
    """`count` pairs of self-attention and bottleneck. New ones change nothing, until they are trained."""
    return nn.Sequential(*[block(channels) for _ in range(count) for block in (SelfAttention, LightBottleneck)])


def trunk_stage(c_in: int, c_out: int, blocks: int) -> nn.Sequential:
    """A convolution that halves the resolution, then `blocks` bottlenecks."""
    return nn.Sequential(ConvNormAct(c_in, c_out, 3, 2), *bottlenecks(c_out, blocks))


def upsample(x_NCHW: torch.Tensor) -> torch.Tensor:
    """Nearest-neighbour doubling, as in FPN."""
    return nn.functional.interpolate(x_NCHW, scale_factor=2.0, mode="nearest")
