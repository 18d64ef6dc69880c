"""Direct DensePose: charts, U and V of the whole image at once, and a mask for each person (Ma et al., 3DV 2021).

A person's surface is the product of the two. No region is cropped, so that time hardly grows with the number of people.
The instance branch predicts at locations of the pyramid, as in FCOS (Tian et al. 2019): a score, a box, which removes
duplicates, and the filters that draw the mask. Ours: the widths, the merging of levels by the decoder of
DensePose-RCNN, the stride of 8, and a box in the place of duplicates' removal by masks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from models.architecture.backbone import LIGHT, STRIDES
from models.architecture.decoder import ConvReLU
from models.architecture.densepose_head import GroupNormConv
from models.architecture.dynamic_masks import FILTERS, MASK_CHANNELS
from models.architecture.fcn import FullConvNet
from models.light.architecture.detector import decode_boxes
from models.variant import Sizes, Variant

WIDEST, DEEPEST = 256, 4
"""Most channels and convolutions of a branch; a head for regions has more than a whole image can bear."""
SHORT = 2
"""Most convolutions of a tower of the instance branch with a stride of 8."""
PERSON_STRIDES = STRIDES[1:]
"""Strides of the levels at which people are found."""
PRIOR = 0.01
"""Probability of a person at a location before training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectOutputs:
    """What the network predicts for B images, with P locations each.

    Attributes:
        maps: chart, U and V maps of the whole images (`FullConvNet.low_resolution`).
        features_BChw: features that the masks of all people share.
        map_cell, mask_cell: network pixels per cell of `maps` and of the features, along each side.
        logit_BP: that the location shows a person.
        box_BP4: that person's box, x0, y0, x1, y1 in network pixels.
        filter_BPF: that person's dynamic filters.
        centre_P2, stride_P: the locations, network pixels.
    """

    maps: dict[str, Tensor]
    features_BChw: Tensor
    map_cell: int
    mask_cell: int
    logit_BP: Tensor
    box_BP4: Tensor
    filter_BPF: Tensor
    centre_P2: Tensor
    stride_P: Tensor


class InstanceBranch(nn.Module):
    """Score, distances to the sides of the box, and filters at every location; the levels share all weights."""

    def __init__(self, width: int, depth: int) -> None:
        """Args: width: channels of the levels and of the two towers; depth: convolutions of a tower."""
        super().__init__()
        self.score_tower = nn.Sequential(*(GroupNormConv(width, width) for _ in range(depth)))
        self.shape_tower = nn.Sequential(*(GroupNormConv(width, width) for _ in range(depth)))
        self.score = nn.Conv2d(width, 1, 3, padding=1)
        self.box = nn.Conv2d(width, 4, 3, padding=1)
        self.filters = nn.Conv2d(width, FILTERS, 3, padding=1)
        for layer, bias in ((self.score, -math.log(1 / PRIOR - 1)), (self.box, 1.0), (self.filters, 0.0)):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.constant_(layer.get_parameter("bias"), bias)

    def forward(self, levels: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (B, P), logarithms of the four distances in strides (B, P, 4) and filters (B, P, F), float32."""
        rows = []
        for level in levels:
            scored, shaped = self.score_tower(level), self.shape_tower(level)
            row = torch.cat([self.score(scored), self.box(shaped), self.filters(shaped)], dim=1)
            rows.append(row.flatten(2).transpose(1, 2))
        row_BPD = torch.cat(rows, dim=1).float()
        return row_BPD[..., 0], row_BPD[..., 1:5], row_BPD[..., 5:]


class DirectNet(FullConvNet):
    """The fully convolutional network with an instance branch; both read the same pyramid."""

    def __init__(self, variant: Variant) -> None:
        sizes = whole_image_sizes(variant)
        super().__init__(variant, sizes)
        self.stride = variant.stride
        self.instances = InstanceBranch(sizes.pyramid, min(sizes.depth, SHORT) if sizes.finest > 2 else sizes.depth)
        light = sizes.encoder == "light"
        self.mask_features = nn.Sequential(
            nn.Identity() if light else ConvReLU(sizes.pyramid),
            nn.Conv2d(LIGHT.wide if light else sizes.pyramid, MASK_CHANNELS, 1),
        )

    def outputs(self, x_N3HW: Tensor) -> DirectOutputs:
        """All predictions for images, whose sides must be multiples of 32."""
        levels = self.backbone(x_N3HW)
        merged = self.decoder(levels)
        found = levels[-len(PERSON_STRIDES) :]
        logit_BP, distance_BP4, filter_BPF = self.instances(found)
        centre_P2, stride_P = person_locations([(level.shape[2], level.shape[3]) for level in found])
        centre_P2, stride_P = centre_P2.to(merged.device), stride_P.to(merged.device)
        return DirectOutputs(
            maps=self.densepose_predictor.low_resolution(self.densepose_head(merged)),
            features_BChw=self.mask_features(merged).float(),
            map_cell=self.stride // 2,
            mask_cell=self.stride,
            logit_BP=logit_BP,
            box_BP4=decode_boxes(distance_BP4, centre_P2, stride_P),
            filter_BPF=filter_BPF,
            centre_P2=centre_P2,
            stride_P=stride_P,
        )


def whole_image_sizes(variant: Variant) -> Sizes:
    """The variant's sizes with branches narrow enough for whole images."""
    sizes = variant.sizes
    narrow = replace(sizes, head=min(sizes.head, WIDEST), depth=min(sizes.depth, DEEPEST))
    return replace(narrow, finest=3) if variant.stride == 8 else narrow


def person_locations(level_hws: Sequence[tuple[int, int]]) -> tuple[Tensor, Tensor]:
    """Centres (P, 2) and strides (P) in pixels of all cells of the levels, whose sizes are given; float32."""
    centres, strides = [], []
    for (height, width), stride in zip(level_hws, PERSON_STRIDES, strict=True):
        y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        centres.append((torch.stack([x, y], dim=-1).reshape(-1, 2) + 0.5) * stride)
        strides.append(torch.full((height * width,), float(stride)))
    return torch.cat(centres).float(), torch.cat(strides)
