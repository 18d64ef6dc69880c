"""Box arithmetic of the detector: deltas to boxes, clipping (Girshick et al. 2014, appendix C)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

MAX_LOG_SCALE = math.log(1000 / 16)
"""Bound of the logarithm of a box's growth, so that exp does not overflow."""


def apply_deltas(delta_N4: Tensor, box_N4: Tensor, weights: tuple[float, float, float, float]) -> Tensor:
    """Move and scale boxes.

    Args:
        delta_N4: (dx, dy, dw, dh), float32.
        box_N4: x0, y0, x1, y1, float32.
        weights: divisors of the four deltas.

    Returns:
        (N, 4) float32 x0, y0, x1, y1.
    """
    size_N2 = box_N4[:, 2:] - box_N4[:, :2]
    center_N2 = box_N4[:, :2] + 0.5 * size_N2
    step_N2 = delta_N4[:, :2] / delta_N4.new_tensor(weights[:2])
    grow_N2 = (delta_N4[:, 2:] / delta_N4.new_tensor(weights[2:])).clamp(max=MAX_LOG_SCALE)
    center_N2 = step_N2 * size_N2 + center_N2
    half_N2 = 0.5 * (grow_N2.exp() * size_N2)
    return torch.cat([center_N2 - half_N2, center_N2 + half_N2], dim=1)


def clip_boxes(box_N4: Tensor, height: float, width: float) -> Tensor:
    """Boxes clipped to [0, width] x [0, height]."""
    limit = box_N4.new_tensor([width, height, width, height])
    return torch.minimum(box_N4.clamp(min=0), limit)


def non_empty(box_N4: Tensor) -> Tensor:
    """(N,) bool: whether both sides are greater than 0."""
    return (box_N4[:, 2:] > box_N4[:, :2]).all(dim=1)
