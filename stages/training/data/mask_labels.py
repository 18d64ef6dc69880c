"""Labels of people's silhouettes: of annotated masks, and of teachers where these are sure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pycocotools import mask as coco_mask

from models.arrays import U8, Bool, Float
from models.metrics.masks import Rle
from stages.training.data.labelled_photos import IGNORE

INSIDE, OUTSIDE = 3.0, -1.0
"""The mask teacher's logit above which a cell is the person's, and below which it is not."""
ANOTHER = 2.0
"""By how much another person's logit is larger where a cell is theirs."""


def annotated_mask_labels(person: Rle, crowds: Sequence[Rle], share_LL2: Float) -> U8:
    """The silhouette (L,L) of an annotated person: 0 outside, 1 inside, IGNORE in crowds.

    Args:
        person, crowds: masks of the whole photo.
        share_LL2: x, y of the cells' centres in shares of the photo's width and height.
    """
    label_LL = mask_at(person, share_LL2).astype(np.uint8)
    for crowd in crowds:
        label_LL[mask_at(crowd, share_LL2) & (label_LL == 0)] = IGNORE
    return label_LL


def mask_at(mask: Rle, share_LL2: Float) -> Bool:
    """A mask at points in shares of its width and height; outside it is False."""
    mask_HW = coco_mask.decode(mask)
    height, width = mask_HW.shape
    inside_LL = ((share_LL2 >= 0) & (share_LL2 < 1)).all(-1)
    column_LL, row_LL = np.moveaxis((share_LL2.clip(0, 1 - 1e-6) * (width, height)).astype(int), -1, 0)
    return inside_LL & (mask_HW[row_LL, column_LL] > 0)


def teacher_mask_labels(own_LL: Float, others_LL: Float, in_box_LL: Bool, near_box_LL: Bool) -> U8:
    """The silhouette (L,L) by the mask teacher's logits: 0 outside, 1 inside, IGNORE where it is not sure.

    Args:
        own_LL: of the person.
        others_LL: the largest of all other people.
        in_box_LL, near_box_LL: whether a cell lies in the person's box, and in the expanded box.
    """
    outside_LL = (own_LL < OUTSIDE) | (others_LL > own_LL + ANOTHER) | (~near_box_LL & (own_LL < INSIDE))
    label_LL = np.where(outside_LL, 0, IGNORE).astype(np.uint8)
    label_LL[(own_LL > INSIDE) & (own_LL > others_LL) & in_box_LL] = 1
    return label_LL


def within_mask(label_LL: U8, chart_LL: U8, weight_LL: U8, mask_LL: U8) -> tuple[U8, U8]:
    """Labels and weights that agree with a silhouette: background outside, the most probable chart inside."""
    decided_LL = np.where(mask_LL == 1, chart_LL, np.where(label_LL == 0, IGNORE, label_LL))
    outside_LL = mask_LL == 0
    weights_LL = np.where(outside_LL, np.uint8(255), weight_LL)
    return np.where(outside_LL, 0, decided_LL).astype(np.uint8), weights_LL


def mask_alone(mask_LL: U8) -> tuple[U8, U8]:
    """Labels and weights of a person of whom the silhouette alone is known."""
    return np.where(mask_LL == 0, 0, IGNORE).astype(np.uint8), np.full(mask_LL.shape, 255, np.uint8)
