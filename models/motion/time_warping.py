"""Dynamic time warping in a band: which moment of one movement is which of another (Sakoe and Chiba, 1978).

Time and memory grow with the length of the recording times the width of the band.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.arrays import F64, Float, Int
from models.motion.continuous_angles import angle_differences

MOST_DEG = 45.0
"""Larger differences of an angle count as this: an angle that is wrong in one recording does not move its phases."""


def warped_path(cost_TW: Float, first_T: Int) -> F64:
    """For each row the column of the cheapest path, as a mean where it passes several.

    Args:
        cost_TW: cost of each row with the W columns of its band; infinite where there is no column.
        first_T: the column at which each row's band begins, ascending.

    Returns: (T,) columns, never falling. The path may begin and end anywhere in the first and the last band.
    """
    rows, width = cost_TW.shape
    total_TW = np.full((rows, width), np.inf)
    for t in range(rows):
        total_TW[t] = _row(cost_TW[t], total_TW[t - 1] if t else None, int(first_T[t] - first_T[t - 1]) if t else 0)
    return _traced(total_TW, first_T)


def _row(cost_W: Float, before_W: F64 | None, moved: int) -> F64:
    """The cheapest totals of a row: from the row before (same or previous column), then along the row."""
    if before_W is None:
        return np.where(np.isfinite(cost_W), cost_W, np.inf)
    above_W = _shifted(before_W, moved)
    diagonal_W = _shifted(before_W, moved - 1)
    enter_W = np.minimum(above_W, diagonal_W) + cost_W
    sum_W = np.cumsum(np.where(np.isfinite(cost_W), cost_W, 0.0))
    along_W = np.minimum.accumulate(enter_W - sum_W) + sum_W
    return np.asarray(np.where(np.isfinite(cost_W), along_W, np.inf))


def _shifted(row_W: F64, by: int) -> F64:
    """The row whose element w is element w + by; infinite outside."""
    at_W = np.arange(len(row_W)) + by
    inside_W = (at_W >= 0) & (at_W < len(row_W))
    return np.where(inside_W, row_W[np.clip(at_W, 0, len(row_W) - 1)], np.inf)


def _traced(total_TW: F64, first_T: Int) -> F64:
    """The columns of the cheapest path, from the last row backwards."""
    rows, width = total_TW.shape
    column_T = np.zeros(rows)
    w = int(total_TW[-1].argmin())
    for t in range(rows - 1, -1, -1):
        last = w
        if t == 0:
            column_T[0] = first_T[0] + w
            break
        moved = int(first_T[t] - first_T[t - 1])
        while True:
            above, diagonal = (total_TW[t - 1, k] if 0 <= k < width else np.inf for k in (w + moved, w + moved - 1))
            left = total_TW[t, w - 1] if w > 0 else np.inf
            if left >= min(above, diagonal):
                break
            w -= 1
        column_T[t] = first_T[t] + (w + last) / 2
        w = w + moved - (1 if diagonal <= above else 0)
        w = min(max(w, 0), width - 1)
    return column_T


def aligned_seconds(
    a_TF: Float, b_UF: Float, second_U: Float, guess_T: Float, band_s: float, weight_F: Float, names: Sequence[str]
) -> F64:
    """For each moment of A the second of B that shows the same phase, (T,), never falling.

    Args:
        a_TF, b_UF: angles in degrees, known everywhere.
        second_U: times of B at even steps.
        guess_T: the expected second of B for each moment of A, never falling.
        band_s: how far a phase may be from the guess, seconds.
        weight_F: how much each angle counts.
        names: of the angles.
    """
    step = float(second_U[1] - second_U[0]) if len(second_U) > 1 else 1.0
    half = max(1, round(band_s / step))
    middle_T = np.clip(np.round((guess_T - second_U[0]) / step).astype(np.int64), 0, len(second_U) - 1)
    first_T = np.maximum.accumulate(middle_T - half)
    column_TW = first_T[:, None] + np.arange(2 * half + 1)
    inside_TW = (column_TW >= 0) & (column_TW < len(second_U))
    cost_TW = np.empty(column_TW.shape)
    for t, column_W in enumerate(np.clip(column_TW, 0, len(second_U) - 1)):
        apart_WF = np.abs(angle_differences(a_TF[t], b_UF[column_W], names))
        cost_TW[t] = (np.minimum(apart_WF, MOST_DEG) * weight_F).sum(axis=1)
    away_TW = np.abs(column_TW - middle_T[:, None]) / half
    cost_TW += 1e-3 * weight_F.sum() * away_TW
    path_T = warped_path(np.where(inside_TW, cost_TW, np.inf), first_T)
    return np.asarray(np.interp(path_T, np.arange(len(second_U)), second_U))
