"""Boxes (x0, y0, x1, y1) in NumPy: expansion, areas, and the overlap of every pair of boxes of two sets."""

from __future__ import annotations

import numpy as np

from models.arrays import Float

MIN_AREA = 1e-9
"""Replaces the area of an empty box, to avoid division by zero."""


def expand_boxes(box_N4: Float, share: float) -> Float:
    """Boxes with this share of their width and height added on each side."""
    margin_N2 = (box_N4[:, 2:] - box_N4[:, :2]) * share
    return np.concatenate([box_N4[:, :2] - margin_N2, box_N4[:, 2:] + margin_N2], axis=1)


def areas(box_N4: Float) -> Float:
    """Areas of boxes, (N)."""
    return np.asarray(np.prod(box_N4[:, 2:] - box_N4[:, :2], axis=-1))


def intersections(box_A4: Float, box_B4: Float) -> Float:
    """Area of the intersection of each pair, (A, B)."""
    low_AB2 = np.maximum(box_A4[:, None, :2], box_B4[None, :, :2])
    high_AB2 = np.minimum(box_A4[:, None, 2:], box_B4[None, :, 2:])
    return np.asarray(np.prod(np.clip(high_AB2 - low_AB2, 0, None), axis=-1))


def iou(box_A4: Float, box_B4: Float) -> Float:
    """Intersection over union of each pair, (A, B)."""
    common_AB = intersections(box_A4, box_B4)
    union_AB = areas(box_A4)[:, None] + areas(box_B4)[None, :] - common_AB
    return common_AB / np.maximum(union_AB, MIN_AREA)


def intersection_over_smaller(box_A4: Float, box_B4: Float) -> Float:
    """Intersection over the smaller box of each pair, (A, B)."""
    smaller_AB = np.minimum(areas(box_A4)[:, None], areas(box_B4)[None, :])
    return intersections(box_A4, box_B4) / np.maximum(smaller_AB, MIN_AREA)


def inside_share(box_A4: Float, box_B4: Float) -> Float:
    """Share of each box of A that lies inside each box of B, (A, B)."""
    return intersections(box_A4, box_B4) / np.maximum(areas(box_A4)[:, None], MIN_AREA)
