"""The DensePose head: from a pooled person to part, U and V maps (Güler et al. 2018;
Neverova et al. 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.variant import Sizes, groups_of

CONFIDENCE_FLOOR = 0.01


class Convolution(nn.Conv2d):
    """A 2D convolution that inference can replace by a faster algorithm.

    Attributes:
        fast: if set, computes the same result as the convolution (`models.engines.winograd`).
    """

    fast: nn.Module | None

    def __init__(self, inputs: int, outputs: int, kernel: int, **settings: Any) -> None:
        """Args: settings: keyword arguments of `torch.nn.Conv2d`."""
        super().__init__(inputs, outputs, kernel, **settings)
        self.fast = None

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H', W')."""
        return super().forward(x_NCHW) if self.fast is None else self.fast(x_NCHW)


def init_he(layer: nn.Conv2d | nn.ConvTranspose2d) -> None:
    """Initialise a layer of a dense head: normal weights by fan-out (He et al. 2015), bias 0."""
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


class ConvHead(nn.Module):
    """3x3 convolutions; eight with 512 channels in the published networks (V1ConvX)."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.depth = sizes.depth
        for index in range(sizes.depth):
            conv = Convolution(sizes.head if index else sizes.pyramid, sizes.head, 3, padding=1)
            init_he(conv)
            self.add_module(f"body_conv_fcn{index + 1}", conv)

    def forward(self, x_KChw: Tensor) -> Tensor:
        """(K, 256, S, S) to (K, 512, S, S)."""
        for index in range(self.depth):
            x_KChw = F.relu_(self.get_submodule(f"body_conv_fcn{index + 1}")(x_KChw))
        return x_KChw


class GroupNormConv(Convolution):
    """A 3x3 convolution without bias, then group norm and ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3, padding=1, bias=False)
        self.norm = nn.GroupNorm(groups_of(outputs), outputs)

    def forward(self, x_KChw: Tensor) -> Tensor:
        """(K, inputs, S, S) to (K, 512, S, S)."""
        return F.relu_(self.norm(super().forward(x_KChw)))


class GlobalBranch(nn.Sequential):
    """The mean over the map, through a 1x1 convolution, repeated in every cell."""

    def __init__(self, channels: int) -> None:
        super().__init__(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.GroupNorm(groups_of(channels), channels),
            nn.ReLU(),
        )

    def forward(self, x_KChw: Tensor) -> Tensor:
        """Same shape; all cells of a channel are equal."""
        return super().forward(x_KChw).expand(-1, -1, *x_KChw.shape[2:])


class PyramidPooling(nn.Module):
    """Atrous spatial pyramid pooling (Chen et al. 2017): five branches of different reach, concatenated and mixed."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        branches = [self._branch(channels, 1, 1)] + [self._branch(channels, 3, dilation) for dilation in (6, 12, 56)]
        self.convs = nn.ModuleList([*branches, GlobalBranch(channels)])
        self.project = nn.Sequential(nn.Conv2d(5 * channels, channels, 1, bias=False), nn.ReLU())

    @staticmethod
    def _branch(channels: int, kernel: int, dilation: int) -> nn.Sequential:
        padding = dilation if kernel == 3 else 0
        conv = nn.Conv2d(channels, channels, kernel, padding=padding, dilation=dilation, bias=False)
        return nn.Sequential(conv, nn.GroupNorm(groups_of(channels), channels), nn.ReLU())

    def forward(self, x_KChw: Tensor) -> Tensor:
        """Same shape."""
        return self.project(torch.cat([branch(x_KChw) for branch in self.convs], dim=1))


class DeepLabHead(nn.Module):
    """Pyramid pooling, then 3x3 convolutions with group norm."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.depth = sizes.depth
        self.ASPP = PyramidPooling(sizes.pyramid)
        for index in range(sizes.depth):
            self.add_module(
                f"body_conv_fcn{index + 1}", GroupNormConv(sizes.head if index else sizes.pyramid, sizes.head)
            )

    def forward(self, x_KChw: Tensor) -> Tensor:
        """(K, 256, S, S) to (K, 512, S, S)."""
        x_KChw = self.ASPP(x_KChw)
        for index in range(self.depth):
            x_KChw = self.get_submodule(f"body_conv_fcn{index + 1}")(x_KChw)
        return x_KChw


RESULT_NAMES = {"ann_index": "coarse_segm", "index_uv": "fine_segm", "embed": "embedding"}
"""Names in results of maps whose layers have other names in checkpoints."""

UPSAMPLING = 2
"""Factor by which the transposed convolutions' outputs are upsampled along each side."""


def upsample_maps(map_KChw: Tensor, factor: int = UPSAMPLING) -> Tensor:
    """A map upsampled by a factor, bilinear."""
    return F.interpolate(map_KChw, scale_factor=float(factor), mode="bilinear", align_corners=False)


class DensePosePredictor(nn.Module):
    """Transposed convolutions to the maps, then bilinear upsampling by 2: from S to 4S cells per side."""

    def __init__(self, inputs: int, channels: Mapping[str, int]) -> None:
        """Args: inputs: channels of the head; channels: from `map_channels`."""
        super().__init__()
        self.channels = dict(channels)
        for name, count in channels.items():
            deconv = nn.ConvTranspose2d(inputs, count, 4, stride=2, padding=1)
            init_he(deconv)
            self.add_module(f"{name}_lowres", deconv)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the maps in results, in the order of `forward`."""
        return tuple(RESULT_NAMES.get(name, name) for name in self.channels)

    @property
    def weighs_segmentations(self) -> bool:
        """Whether the network predicts a confidence that multiplies the segmentations' logits."""
        return any(f"{name}_confidence" in self.channels for name in ("fine_segm", "coarse_segm"))

    def forward(self, x_KChw: Tensor) -> dict[str, Tensor]:
        """Maps by name, (K, channels, 4S, 4S) float32."""
        return self.upsampled(self.low_resolution(x_KChw))

    def low_resolution(self, x_KChw: Tensor) -> dict[str, Tensor]:
        """The maps before upsampling, (K, channels, 2S, 2S) float32; training mostly needs no more."""
        return {
            RESULT_NAMES.get(name, name): self.get_submodule(f"{name}_lowres")(x_KChw).float() for name in self.channels
        }

    def upsampled(self, low_resolution: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Upsample the outputs of `low_resolution`.

        Afterwards segmentation confidences are made positive and multiply the segmentations, as in the reference.
        """
        maps = {name: upsample_maps(value) for name, value in low_resolution.items()}
        for name in ("fine_segm", "coarse_segm"):
            if f"{name}_confidence" in maps:
                confidence = F.softplus(maps[f"{name}_confidence"]) + CONFIDENCE_FLOOR
                maps[f"{name}_confidence"] = confidence
                maps[name] = maps[name] * confidence
        return maps
