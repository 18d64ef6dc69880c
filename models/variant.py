"""Variants and sizes of DensePose-RCNN: the published networks, and smaller ones that this project trains."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

PARTS = 25
"""Channels of maps per chart: background and 24 charts."""
MEAN_BGR = (103.530, 116.280, 123.675)
"""Is subtracted from the images that networks read."""
EMBEDDING = 16
"""Channels of a continuous surface embedding."""
OPEN_BODY, SMPL = "open_body", "smpl_27554"
MESHES = {SMPL: 27554, OPEN_BODY: 13670}
"""Vertices of the meshes that networks embed, by name: that of the published checkpoints, and this project's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Widths and depths of a network. Defaults: the published networks.

    Attributes:
        blocks: bottleneck blocks of res2..res5.
        stem: channels after the first convolution.
        width: channels of the 3x3 convolutions in res2. Its output has four times as many. Each stage doubles both.
        pyramid: channels of p2..p6, the proposal head and the decoder.
        hidden: units of the box head's two layers.
        head, depth: channels and number of the 3x3 convolutions of a dense head.
        bins: cells per side of a dense head's input.
        group_norm: True: group norm in the backbone, for training from random weights. False: frozen batch norm.
        group: minimum channels per group of the backbone's group norm. Processors handle 16 channels at once, so
            smaller groups are slower.
        finest: level of the pyramid's finest map, of stride 2 ** finest: 2, or 3.
        encoder: below the pyramid: "resnet"; "lite0", EfficientNet-Lite0; or "light", the light network's layers. The
            sizes of the last two are fixed (`blocks`, `stem` and `width` then mean nothing), and they have batch norms
            of their own.
    """

    blocks: tuple[int, int, int, int]
    stem: int = 64
    width: int = 64
    pyramid: int = 256
    hidden: int = 1024
    head: int = 512
    depth: int = 8
    bins: int = 28
    group_norm: bool = False
    group: int = 4
    finest: Literal[2, 3] = 2
    encoder: Literal["resnet", "lite0", "light"] = "resnet"


SIZES = {
    "r50": Sizes(blocks=(3, 4, 6, 3)),
    "r101": Sizes(blocks=(3, 4, 23, 3)),
    "small": Sizes(
        blocks=(2, 2, 3, 2), stem=32, width=32, pyramid=96, hidden=256, head=128, depth=4, bins=28, group_norm=True
    ),
    "tiny": Sizes(
        blocks=(1, 2, 2, 1), stem=16, width=12, pyramid=32, hidden=128, head=64, depth=3, bins=14, group_norm=True
    ),
    "nano": Sizes(
        blocks=(1, 1, 1, 1),
        stem=16,
        width=16,
        pyramid=32,
        hidden=64,
        head=32,
        depth=2,
        bins=14,
        group_norm=True,
        group=16,
    ),
    "lite0": Sizes(
        blocks=(0, 0, 0, 0), pyramid=64, hidden=256, head=96, depth=4, bins=28, group_norm=True, encoder="lite0"
    ),
    "light": Sizes(
        blocks=(0, 0, 0, 0), pyramid=64, hidden=256, head=96, depth=2, bins=28, group_norm=True, encoder="light"
    ),
}
"""Sizes by the value of `network.variant.backbone` and `train_network.variant.backbone`."""

LEGACY_BINS = 14


def groups_of(channels: int, least: int = 4) -> int:
    """Number of groups of a group norm: 32, or fewer if a group would have less than `least` channels."""
    groups = 32
    while groups > 1 and (channels % groups or channels // groups < least):
        groups //= 2
    return groups


def map_channels(coarse: int, confidence: str, segm_confidence: bool) -> dict[str, int]:
    """Channels of every map of a variant, by the layer's name in checkpoints without `_lowres`.

    Args:
        coarse: channels of the coarse segmentation, 2 or 15.
        confidence: "none", "wc1" (one variance) or "wc2" (a variance and a direction).
        segm_confidence: whether predicted confidences multiply the segmentations.
    """
    channels = {"ann_index": coarse, "index_uv": PARTS, "u": PARTS, "v": PARTS}
    if confidence != "none":
        channels["sigma_2"] = PARTS
    if confidence == "wc2":
        channels |= {"kappa_u": PARTS, "kappa_v": PARTS}
    if segm_confidence:
        channels |= {"fine_segm_confidence": 1, "coarse_segm_confidence": 1}
    return channels


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """Components of a DensePose-RCNN.

    Attributes:
        backbone: a key of `SIZES`; "r50" and "r101" are the published ones; "lite0" is EfficientNet-Lite0, for which
            there are ImageNet weights; "light" the built-in network of crops, for which there are its own weights.
        head: "v1convx" (plain convolutions) or "deeplab" (pyramid pooling first).
        legacy: networks of the first training schedule: pooling from p2..p5 without a decoder, 15 coarse channels.
        confidence: uncertainty of U and V: one variance ("wc1"), or a variance and a direction ("wc2").
        segm_confidence: predicted confidences multiply the segmentations.
        mask, keypoints: whether the network has these heads.
        cascade: a second stage of all dense heads (Güler et al. 2018, §3.3).
        mesh: a key of `MESHES`: the network predicts an embedding of this mesh's surface (Neverova et al. 2020) and no
            charts; empty: charts, U and V. Published networks embed `smpl_27554`, trainings here `open_body`.
        stride: of Direct DensePose: pixels per cell of the map from which all is predicted; 8 is coarser and faster.
    """

    backbone: Literal["r50", "r101", "small", "tiny", "nano", "lite0", "light"] = "r50"
    head: Literal["v1convx", "deeplab"] = "v1convx"
    legacy: bool = False
    confidence: Literal["none", "wc1", "wc2"] = "none"
    segm_confidence: bool = False
    mask: bool = False
    keypoints: bool = False
    cascade: bool = False
    mesh: Literal["", "smpl_27554", "open_body"] = ""
    stride: Literal[4, 8] = 4

    @property
    def sizes(self) -> Sizes:
        """Widths and depths."""
        sizes = SIZES[self.backbone]
        return replace(sizes, bins=LEGACY_BINS) if self.legacy else sizes

    @property
    def maps(self) -> dict[str, int]:
        """Channels of the surface maps by name."""
        if self.mesh:
            return {"coarse_segm": 2, "embed": EMBEDDING}
        return map_channels(15 if self.legacy else 2, self.confidence, self.segm_confidence)


PUBLISHED = Variant()
"""The variant of the published R50 network, the default of the `network:` section."""
