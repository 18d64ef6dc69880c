"""The DensePose head: from a pooled person to part, U and V maps (facts §6; Güler et al. 2018;
Neverova et al. 2019)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.architecture.convolution import Convolution
from models.architecture.first_values import draw_he
from models.architecture.sizes import Sizes, groups_of

PARTS = 25
CONFIDENCE_FLOOR = 0.01


class ConvHead(nn.Module):
    """3x3 convolutions, as published eight of 512 channels (V1ConvX)."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.depth = sizes.depth
        for index in range(sizes.depth):
            conv = Convolution(sizes.head if index else sizes.pyramid, sizes.head, 3, padding=1)
            draw_he(conv)
            self.add_module(f"body_conv_fcn{index + 1}", conv)

    def forward(self, x_KChw: Tensor) -> Tensor:
        """(K, 256, S, S) to (K, 512, S, S)."""
        for index in range(self.depth):
            x_KChw = F.relu_(self.get_submodule(f"body_conv_fcn{index + 1}")(x_KChw))
        return x_KChw


class GroupNormConv(Convolution):
    """A 3x3 convolution without bias, group norm, ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3, padding=1, bias=False)
        self.norm = nn.GroupNorm(groups_of(outputs), outputs)

    def forward(self, x_KChw: Tensor) -> Tensor:
        """(K, inputs, S, S) to (K, 512, S, S)."""
        return F.relu_(self.norm(super().forward(x_KChw)))


class GlobalBranch(nn.Sequential):
    """The mean of the map, mixed and spread over the map again."""

    def __init__(self, channels: int) -> None:
        super().__init__(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.GroupNorm(groups_of(channels), channels),
            nn.ReLU(),
        )

    def forward(self, x_KChw: Tensor) -> Tensor:
        """The shape stays; every cell of a channel is the same."""
        return super().forward(x_KChw).expand(-1, -1, *x_KChw.shape[2:])


class PyramidPooling(nn.Module):
    """Atrous spatial pyramid pooling (Chen et al. 2017): five views of different reach, concatenated and mixed."""

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
        """The shape stays."""
        return self.project(torch.cat([branch(x_KChw) for branch in self.convs], dim=1))


class DeepLabHead(nn.Module):
    """Pyramid pooling, then group-normed 3x3 convolutions."""

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


def map_channels(coarse: int, confidence: str, segm_confidence: bool) -> dict[str, int]:
    """Channels of every map that a variant predicts, by the layer's name in checkpoints (less `_lowres`).

    Args:
        coarse: 2 or 15.
        confidence: "none", "wc1" (one variance) or "wc2" (a variance and a direction).
        segm_confidence: whether segmentations are weighed by a confidence of their own.
    """
    channels = {"ann_index": coarse, "index_uv": PARTS, "u": PARTS, "v": PARTS}
    if confidence != "none":
        channels["sigma_2"] = PARTS
    if confidence == "wc2":
        channels |= {"kappa_u": PARTS, "kappa_v": PARTS}
    if segm_confidence:
        channels |= {"fine_segm_confidence": 1, "coarse_segm_confidence": 1}
    return channels


RESULT_NAMES = {"ann_index": "coarse_segm", "index_uv": "fine_segm"}
"""Maps whose layer is called otherwise in checkpoints than in results."""


FINER = 2
"""How many times as fine along each side the maps are in the end as what the transposed convolutions give."""


def enlarge(map_KChw: Tensor) -> Tensor:
    """A map enlarged as all maps are in the end, bilinear."""
    return F.interpolate(map_KChw, scale_factor=float(FINER), mode="bilinear", align_corners=False)


class DensePosePredictor(nn.Module):
    """Transposed convolutions to the maps, then bilinear x2: S to 4 S cells a side."""

    def __init__(self, inputs: int, channels: Mapping[str, int]) -> None:
        """Args: inputs: channels of the head; channels: what `map_channels` gives."""
        super().__init__()
        self.channels = dict(channels)
        for name, count in channels.items():
            deconv = nn.ConvTranspose2d(inputs, count, 4, stride=2, padding=1)
            draw_he(deconv)
            self.add_module(f"{name}_lowres", deconv)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the maps, in the order of `forward`'s."""
        return tuple(RESULT_NAMES.get(name, name) for name in self.channels)

    @property
    def weighs_segmentations(self) -> bool:
        """Whether a confidence of their own weighs the segmentations."""
        return any(f"{name}_confidence" in self.channels for name in ("fine_segm", "coarse_segm"))

    def forward(self, x_KChw: Tensor) -> dict[str, Tensor]:
        """Maps by their names in results, (K, channels, 4S, 4S) float32."""
        return self.enlarged(self.coarser(x_KChw))

    def coarser(self, x_KChw: Tensor) -> dict[str, Tensor]:
        """The maps before they are enlarged, (K, channels, 2S, 2S) float32: all that trainings mostly need."""
        return {
            RESULT_NAMES.get(name, name): self.get_submodule(f"{name}_lowres")(x_KChw).float() for name in self.channels
        }

    def enlarged(self, coarser: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The maps from what `coarser` gave.

        Segmentation confidences are made positive, and the segmentations multiplied by them, here as in the reference.
        """
        maps = {name: enlarge(value) for name, value in coarser.items()}
        for name in ("fine_segm", "coarse_segm"):
            if f"{name}_confidence" in maps:
                confidence = F.softplus(maps[f"{name}_confidence"]) + CONFIDENCE_FLOOR
                maps[f"{name}_confidence"] = confidence
                maps[name] = maps[name] * confidence
        return maps
