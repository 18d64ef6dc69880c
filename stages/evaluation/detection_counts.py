"""Counts of an image's confident detections: matched, in a crowd, near a person, elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.arrays import F32, I64, Bool
from models.metrics.masks import box_overlaps
from stages.evaluation.protocols import corner_and_size
from stages.evaluation.true_images import TrueImage

IN_CROWD = 0.5
"""A detection with at least this share of its area in a crowd region is ignored: neither right nor wrong."""
NEAR_IOU = 0.3
"""An unmatched detection with at least this IoU with an annotated person is a wrong box, not a false person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionCounts:
    """Confident detections of sufficient height of one image.

    Attributes:
        matched: detections with a matching annotated person.
        in_crowd: unmatched detections with at least half of their area in a crowd region.
        near_person: other unmatched detections, with a box IoU of at least .3 with an annotated person.
        elsewhere: all others: things, or people without annotation.
    """

    matched: int = 0
    in_crowd: int = 0
    near_person: int = 0
    elsewhere: int = 0

    @property
    def judged(self) -> int:
        """Number of detections that are right or wrong: all but those in a crowd."""
        return self.matched + self.near_person + self.elsewhere


def in_crowds(box_K4: F32, image: TrueImage) -> Bool:
    """Whether at least `IN_CROWD` of each box lies in a crowd region, bool (K,)."""
    crowd_C4 = np.array([crowd.box_4 for crowd in image.crowds]).reshape(-1, 4)
    share_KC = box_overlaps(corner_and_size(box_K4), crowd_C4, np.ones(len(crowd_C4), bool))
    return np.asarray(share_KC.max(axis=1, initial=0) >= IN_CROWD)


def detection_counts(box_K4: F32, match_G: I64, image: TrueImage, min_height: float) -> DetectionCounts:
    """Count the confident detections of sufficient height.

    Args:
        box_K4: boxes of the confident detections.
        match_G: row of the matched box of each annotated person, -1: none.
        image: with its truth.
        min_height: pixels.
    """
    counts_K = box_K4[:, 3] - box_K4[:, 1] >= min_height
    right_K = np.isin(np.arange(len(box_K4)), match_G)
    iou_KG = box_overlaps(corner_and_size(box_K4), corner_and_size(image.boxes), np.zeros(len(image.people), bool))
    crowd_K = ~right_K & in_crowds(box_K4, image)
    near_K = ~right_K & ~crowd_K & (iou_KG.max(axis=1, initial=0) >= NEAR_IOU)
    return DetectionCounts(
        matched=int((right_K & counts_K).sum()), in_crowd=int((crowd_K & counts_K).sum()),
        near_person=int((near_K & counts_K).sum()), elsewhere=int((~right_K & ~crowd_K & ~near_K & counts_K).sum()),
    )
