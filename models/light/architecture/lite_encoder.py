"""EfficientNet-Lite0's features as an encoder (Tan and Le, ICML 2019; the Lite networks: Google, 2020).

The Lite networks leave out squeeze-and-excitation and replace swish by ReLU6, so that eight bits are enough.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from models.light.architecture.depthwise import DepthwiseConv

STEM = 32
"""Channels at stride 2."""
EPSILON, MOMENTUM = 1e-3, 0.01
"""Of the batch norms."""
IMAGE_MEAN, IMAGE_STD = 127.0, 128.0
"""Pixels 0..255 enter as (value - IMAGE_MEAN) / IMAGE_STD."""


class LiteStage(NamedTuple):
    """Blocks of equal width: their number, kernel, stride of the first, factor of the hidden channels, channels."""

    blocks: int
    kernel: int
    stride: int
    factor: int
    channels: int


LITE0 = (
    LiteStage(1, 3, 1, 1, 16),
    LiteStage(2, 3, 2, 6, 24),
    LiteStage(2, 5, 2, 6, 40),
    LiteStage(3, 3, 2, 6, 80),
    LiteStage(3, 5, 1, 6, 112),
    LiteStage(4, 5, 2, 6, 192),
    LiteStage(1, 3, 1, 6, 320),
)
"""The stages of EfficientNet-Lite0."""
ENDS = (2, 4, 10, 15)
"""The last blocks at strides 4, 8, 16 and 32."""
CHANNELS = (24, 40, 112, 320)
"""Channels of their outputs."""


class LiteFeatures(NamedTuple):
    """Features (N, C, H / s, W / s) at strides s of 4, 8, 16 and 32; C as in `CHANNELS`."""

    x4: torch.Tensor
    x8: torch.Tensor
    x16: torch.Tensor
    x32: torch.Tensor


def with_norm(conv: nn.Conv2d, *, act: bool = True) -> nn.Sequential:
    """A convolution, batch norm and, with `act`, ReLU6."""
    layers = [conv, nn.BatchNorm2d(conv.out_channels, eps=EPSILON, momentum=MOMENTUM)]
    return nn.Sequential(*layers, nn.ReLU6(inplace=True)) if act else nn.Sequential(*layers)


def pointwise(c_in: int, c_out: int) -> nn.Conv2d:
    """A 1x1 convolution without bias."""
    return nn.Conv2d(c_in, c_out, 1, bias=False)


class LiteBlock(nn.Module):
    """An inverted residual (Sandler et al., CVPR 2018): 1x1 to more channels, one filter for each, 1x1 back."""

    def __init__(self, c_in: int, stage: LiteStage, *, stride: int) -> None:
        super().__init__()
        hidden = c_in * stage.factor
        self.expand = with_norm(pointwise(c_in, hidden)) if stage.factor > 1 else None
        self.filter = with_norm(DepthwiseConv(hidden, stage.kernel, stride))
        self.project = with_norm(pointwise(hidden, stage.channels), act=False)
        self.residual = stride == 1 and c_in == stage.channels

    def forward(self, x_NCHW: torch.Tensor) -> torch.Tensor:
        """(N, c_in, H, W) to (N, channels, H / stride, W / stride)."""
        hidden = x_NCHW if self.expand is None else self.expand(x_NCHW)
        made = self.project(self.filter(hidden))
        return made + x_NCHW if self.residual else made


class LiteEncoder(nn.Module):
    """EfficientNet-Lite0 without its last 1x1 convolution and its classifier: 2.96 M weights.

    Padding is symmetric. TensorFlow pads one pixel less at the start where the stride is 2, so that there the same
    features lie a pixel further along both axes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = with_norm(nn.Conv2d(3, STEM, 3, 2, 1, bias=False))
        blocks: list[nn.Module] = []
        c_in = STEM
        for stage in LITE0:
            for index in range(stage.blocks):
                blocks.append(LiteBlock(c_in, stage, stride=stage.stride if index == 0 else 1))
                c_in = stage.channels
        self.blocks = nn.ModuleList(blocks)

    def forward(self, rgb_NCHW: torch.Tensor, more_NCHW: torch.Tensor | None = None) -> LiteFeatures:
        """Features of images.

        Args:
            rgb_NCHW: 0..255, sides a multiple of 32.
            more_NCHW: is added to the features at stride 2, (N, STEM, H / 2, W / 2).
        """
        x = self.stem((rgb_NCHW - IMAGE_MEAN) / IMAGE_STD)
        x = x if more_NCHW is None else x + more_NCHW
        found = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in ENDS:
                found.append(x)
        return LiteFeatures(*found)
