"""How large the parts of a DensePose-RCNN are: the published networks, and smaller ones that train on a desk."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Widths and depths; the defaults are the published networks' (facts §3–§6).

    Attributes:
        blocks: bottlenecks of res2..res5.
        stem: channels after the first convolution.
        width: channels of res2's 3x3; its output has four times as many, and each stage twice its predecessor's.
        pyramid: channels of p2..p6, of the proposal head and of the decoder.
        hidden: units of the box head's two layers.
        head, depth: channels and number of the 3x3 convolutions of a dense head.
        bins: cells a side of what dense heads see of a region.
        group_norm: the backbone's norm is a group norm, for training from nothing; else a frozen batch norm.
        group: channels of a group of the backbone's norm, at least. Processors take 16 of them at once: smaller groups
            cost several times as much (docs/benchmarks/training.md).
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
}
"""By the name that `network.backbone` and `train.backbone` give."""

PUBLISHED = SIZES["r50"]
LEGACY_BINS = 14


def groups_of(channels: int, least: int = 4) -> int:
    """Groups of a group norm: 32 as published where that leaves at least so many channels in each, else fewer."""
    groups = 32
    while groups > 1 and (channels % groups or channels // groups < least):
        groups //= 2
    return groups
