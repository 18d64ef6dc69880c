"""Boxes (x0, y0, x1, y1) in NumPy: grown, and how far those of two sets lie in each other, every pair of them."""

from __future__ import annotations

import numpy as np

from models.arrays import Float

LEAST_AREA = 1e-9
"""What an empty box is taken for, so that nothing is divided by nothing."""


def grown(box_N4: Float, share: float) -> Float:
    """Boxes with `share` of their width and height added on each side."""
    margin_N2 = (box_N4[:, 2:] - box_N4[:, :2]) * share
    return np.concatenate([box_N4[:, :2] - margin_N2, box_N4[:, 2:] + margin_N2], axis=1)


def areas(box_N4: Float) -> Float:
    """Areas of boxes, (N)."""
    return np.asarray(np.prod(box_N4[:, 2:] - box_N4[:, :2], axis=-1))


def intersections(box_A4: Float, box_B4: Float) -> Float:
    """Areas common to each pair, (A, B)."""
    low_AB2 = np.maximum(box_A4[:, None, :2], box_B4[None, :, :2])
    high_AB2 = np.minimum(box_A4[:, None, 2:], box_B4[None, :, 2:])
    return np.asarray(np.prod(np.clip(high_AB2 - low_AB2, 0, None), axis=-1))


def iou(box_A4: Float, box_B4: Float) -> Float:
    """Intersection over union of each pair, (A, B)."""
    common_AB = intersections(box_A4, box_B4)
    union_AB = areas(box_A4)[:, None] + areas(box_B4)[None, :] - common_AB
    return common_AB / np.maximum(union_AB, LEAST_AREA)


def covered(box_A4: Float, box_B4: Float) -> Float:
    """Intersection over the smaller box of each pair, (A, B)."""
    smaller_AB = np.minimum(areas(box_A4)[:, None], areas(box_B4)[None, :])
    return intersections(box_A4, box_B4) / np.maximum(smaller_AB, LEAST_AREA)


def inside_share(box_A4: Float, box_B4: Float) -> Float:
    """Share of each box of A that lies in each of B, (A, B)."""
    return intersections(box_A4, box_B4) / np.maximum(areas(box_A4)[:, None], LEAST_AREA)
