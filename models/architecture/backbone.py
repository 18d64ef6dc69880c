"""An encoder with a feature pyramid (Lin et al. 2017).

ResNet-50/101, the backbone of DensePose-RCNN (He et al. 2016), EfficientNet-Lite0, or the light network's own layers.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.light.architecture.lite_encoder import CHANNELS, LiteEncoder
from models.light.architecture.sizes import SurfaceSizes
from models.light.architecture.surface_net import SurfaceNet
from models.variant import MEAN_BGR, Sizes, groups_of

STRIDES = (4, 8, 16, 32, 64)


class FrozenBatchNorm(nn.Module):
    """Batch norm with fixed statistics: a constant affine map per channel.

    With the default variance and mean the map is exactly x * weight + bias, for checkpoints without statistics.
    """

    epsilon = 1e-5

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.ones(channels))
        self.register_buffer("bias", torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.full((channels,), 1 - self.epsilon))

    def affine(self) -> tuple[Tensor, Tensor]:
        """Scale and shift per channel, (C,) each."""
        scale = self.get_buffer("weight") * (self.get_buffer("running_var") + self.epsilon).rsqrt()
        return scale, self.get_buffer("bias") - self.get_buffer("running_mean") * scale

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Apply the affine map; same shape."""
        scale, shift = self.affine()
        return x_NCHW * scale[:, None, None] + shift[:, None, None]


class NormedConv(nn.Conv2d):
    """A convolution without bias, followed by a norm. `fold` turns both into one convolution with bias."""

    def __init__(self, inputs: int, outputs: int, kernel: int, norm: nn.Module, stride: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)
        self.norm = norm

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        return self.norm(super().forward(x_NCHW))

    @torch.no_grad()
    def fold(self) -> None:
        """Fold a frozen batch norm into weight and bias, in float64 so that rounding happens once. Inference only."""
        if not isinstance(self.norm, FrozenBatchNorm):
            return
        scale, shift = self.norm.double().affine()
        self.weight = nn.Parameter((self.weight.double() * scale[:, None, None, None]).float(), requires_grad=False)
        self.bias = nn.Parameter(shift.float(), requires_grad=False)
        self.norm = nn.Identity()


def norm_of(sizes: Sizes, channels: int) -> nn.Module:
    """The backbone's norm layer for `channels` channels."""
    return nn.GroupNorm(groups_of(channels, sizes.group), channels) if sizes.group_norm else FrozenBatchNorm(channels)


class Stem(nn.Module):
    """7x7 convolution and max pooling: (N, 3, H, W) to (N, 64, H/4, W/4)."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.conv1 = NormedConv(3, sizes.stem, 7, norm_of(sizes, sizes.stem), stride=2)

    def forward(self, x_N3HW: Tensor) -> Tensor:
        """Normalised BGR to a map of stride 4."""
        return F.max_pool2d(F.relu_(self.conv1(x_N3HW)), 3, stride=2, padding=1)


class ResNetBottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions with a shortcut. The first 1x1 has the stride, unlike in torchvision."""

    def __init__(self, sizes: Sizes, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = 4 * width
        self.conv1 = NormedConv(inputs, width, 1, norm_of(sizes, width), stride=stride)
        self.conv2 = NormedConv(width, width, 3, norm_of(sizes, width))
        self.conv3 = NormedConv(width, outputs, 1, norm_of(sizes, outputs))
        self.shortcut = None
        if inputs != outputs:
            self.shortcut = NormedConv(inputs, outputs, 1, norm_of(sizes, outputs), stride=stride)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        y = F.relu_(self.conv1(x_NCHW))
        y = F.relu_(self.conv2(y))
        y = self.conv3(y)
        y += x_NCHW if self.shortcut is None else self.shortcut(x_NCHW)
        return F.relu_(y)


class ResNet(nn.Module):
    """The bottom-up path: stem, then stages res2..res5 at strides 4, 8, 16, 32; 256 to 2048 channels as published."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.stem = Stem(sizes)
        inputs = sizes.stem
        for index, blocks in enumerate(sizes.blocks):
            width, stride = sizes.width << index, 1 if index == 0 else 2
            stage = [ResNetBottleneck(sizes, inputs, width, stride)]
            stage += [ResNetBottleneck(sizes, 4 * width, width, 1) for _ in range(blocks - 1)]
            self.add_module(f"res{index + 2}", nn.Sequential(*stage))
            inputs = 4 * width

    def forward(self, x_N3HW: Tensor) -> list[Tensor]:
        """res2..res5."""
        x = self.stem(x_N3HW)
        stages = []
        for index in range(4):
            x = self.get_submodule(f"res{index + 2}")(x)
            stages.append(x)
        return stages


class LiteNet(LiteEncoder):
    """EfficientNet-Lite0 as the bottom-up path. It reads RGB 0..255, the other networks BGR minus its mean."""

    def forward(self, x_N3HW: Tensor) -> list[Tensor]:  # type: ignore[override]
        """Features at strides 4, 8, 16 and 32."""
        return list(super().forward(network_rgb(x_N3HW)))


LIGHT = SurfaceSizes(widths=(32, 64, 128, 256), blocks=(2, 6, 9), wide=128, refined=(2, 2), attention=2)
"""Sizes of the built-in network of crops."""
LIGHT_CHANNELS = (LIGHT.wide, *LIGHT.widths[2:], LIGHT.widths[3])
"""Channels of `LightTrunk`'s outputs."""


class LightTrunk(SurfaceNet):
    """The light network's layers below its output layer as the bottom-up path, without the planes of other people."""

    def __init__(self) -> None:
        super().__init__(LIGHT)
        del self.read

    def forward(self, x_N3HW: Tensor) -> list[Tensor]:  # type: ignore[override]
        """Features at strides 4, 8, 16 and 32."""
        x4, x8, x16 = self.decoded(network_rgb(x_N3HW))
        return [x4, x8, x16, F.max_pool2d(x16, 2)]


def network_rgb(x_N3HW: Tensor) -> Tensor:
    """RGB 0..255 from images as the published networks read them."""
    return (x_N3HW + x_N3HW.new_tensor(MEAN_BGR)[:, None, None]).flip(1)


def bottom_up_of(sizes: Sizes) -> tuple[nn.Module, Sequence[int]]:
    """The encoder, and the channels of its outputs at strides 4, 8, 16 and 32."""
    if sizes.encoder == "lite0":
        return LiteNet(), CHANNELS
    if sizes.encoder == "light":
        return LightTrunk(), LIGHT_CHANNELS
    return ResNet(sizes), [sizes.width << level for level in range(2, 6)]


class Backbone(nn.Module):
    """Encoder and feature pyramid: an image to p2..p6 with equal channels and strides 4, 8, 16, 32, 64.

    With `Sizes.finest` 3 the pyramid begins with p3.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.bottom_up, channels = bottom_up_of(sizes)
        self.finest = sizes.finest
        for level, inputs in list(enumerate(channels, start=2))[sizes.finest - 2 :]:
            self.add_module(f"fpn_lateral{level}", nn.Conv2d(inputs, sizes.pyramid, 1))
            self.add_module(f"fpn_output{level}", nn.Conv2d(sizes.pyramid, sizes.pyramid, 3, padding=1))

    def forward(self, x_N3HW: Tensor) -> list[Tensor]:
        """p2..p6 of normalised and padded images; their sides must be multiples of 32."""
        return self.pyramid(self.bottom_up(x_N3HW))

    def pyramid(self, stages: list[Tensor]) -> list[Tensor]:
        """p2..p6 from res2..res5: lateral 1x1 plus the upsampled level above, then 3x3; p6 is p5 with stride 2."""
        outputs: list[Tensor] = []
        above: Tensor | None = None
        for level in range(5, self.finest - 1, -1):
            lateral = self.get_submodule(f"fpn_lateral{level}")(stages[level - 2])
            if above is not None:
                lateral = lateral + F.interpolate(above, scale_factor=2.0, mode="nearest")
            outputs.insert(0, self.get_submodule(f"fpn_output{level}")(lateral))
            above = lateral
        return [*outputs, F.max_pool2d(outputs[-1], 1, stride=2)]
