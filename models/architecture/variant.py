"""Which network: the published ones, and those this project trains."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from models.architecture.densepose_head import map_channels
from models.architecture.sizes import LEGACY_BINS, SIZES, Sizes


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """What a DensePose-RCNN is made of (facts §1).

    Attributes:
        backbone: whose sizes: "r50" and "r101" are the published ones.
        head: "v1convx" (plain convolutions) or "deeplab" (pyramid pooling first).
        legacy: the first schedule's: pooled from p2..p5 without a decoder, 15 coarse channels.
        confidence: UV with one variance ("wc1") or a variance and a direction ("wc2").
        segm_confidence: segmentations weighed by a confidence of their own.
        mask, keypoints: heads for these tasks too.
        cascade: a second stage of every dense task that sees the first stage's answers of all (Güler et al., §3.3).
    """

    backbone: Literal["r50", "r101", "small", "tiny", "nano"] = "r50"
    head: Literal["v1convx", "deeplab"] = "v1convx"
    legacy: bool = False
    confidence: Literal["none", "wc1", "wc2"] = "none"
    segm_confidence: bool = False
    mask: bool = False
    keypoints: bool = False
    cascade: bool = False

    @property
    def sizes(self) -> Sizes:
        """Widths and depths."""
        sizes = SIZES[self.backbone]
        return replace(sizes, bins=LEGACY_BINS) if self.legacy else sizes

    @property
    def maps(self) -> dict[str, int]:
        """Channels of the surface maps by name."""
        return map_channels(15 if self.legacy else 2, self.confidence, self.segm_confidence)
