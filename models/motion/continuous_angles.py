"""Joint angles without jumps by full turns, and differences of joint angles.

The swing of an arm is one rotation vector: flexion and abduction of the shoulder are its parts. A swing by more than
180° is the opposite swing by less than 180°, so both parts may change at once where an arm points straight up.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.arrays import F64, Float

TURN = 360.0


def unwrapped(angle_TA: Float, names: Sequence[str]) -> F64:
    """Angles plus full turns, so that none jumps by one from frame to frame; NaN stays.

    Args:
        angle_TA: degrees.
        names: of the angles, as in `CLINICAL_ANGLES`.
    """
    result_TA = np.asarray(angle_TA, np.float64).copy()
    pairs = _swings(names)
    for pair in pairs:
        swing_T2 = result_TA[:, pair]
        known_T = np.isfinite(swing_T2).all(axis=1)
        swing_T2[known_T] = _unwrapped_swing(swing_T2[known_T])
        result_TA[:, pair] = swing_T2
    for column in set(range(len(names))) - {column for pair in pairs for column in pair}:
        known_T = np.isfinite(result_TA[:, column])
        result_TA[known_T, column] = np.unwrap(result_TA[known_T, column], period=TURN)
    return result_TA


def angle_differences(from_NA: Float, to_NA: Float, names: Sequence[str]) -> F64:
    """The least changes (N, A) that lead from angles to others, degrees, −180..180. The shapes may be broadcast."""
    change_NA = _least(np.asarray(to_NA, np.float64) - from_NA)
    for pair in _swings(names):
        other_N2 = _least(_opposite(np.asarray(to_NA[..., pair], np.float64)) - from_NA[..., pair])
        nearer_N = np.linalg.norm(other_N2, axis=-1) < np.linalg.norm(change_NA[..., pair], axis=-1)
        change_NA[..., pair] = np.where(nearer_N[..., None], other_N2, change_NA[..., pair])
    return change_NA


def _swings(names: Sequence[str]) -> list[list[int]]:
    """The columns of the two parts of each arm's swing."""
    found = [[f"{side}_shoulder_{part}" for part in ("flexion", "abduction")] for side in ("left", "right")]
    return [[names.index(one) for one in pair] for pair in found if set(pair) <= set(names)]


def _least(change: F64) -> F64:
    return (change + TURN / 2) % TURN - TURN / 2


def _opposite(swing_N2: F64) -> F64:
    """The same rotations, about the opposite axis; swings by 90° or less, which have no use for it, stay."""
    size_N1 = np.linalg.norm(swing_N2, axis=-1, keepdims=True)
    return np.where(size_N1 > 90, swing_N2 * (1 - TURN / np.maximum(size_N1, 1)), swing_N2)


def _unwrapped_swing(swing_T2: F64) -> F64:
    """The parts of an arm's swing plus full turns, degrees."""
    opposite_T2, result_T2 = _opposite(swing_T2), swing_T2.copy()
    for t in range(1, len(swing_T2)):
        before_2, either_22 = result_T2[t - 1], np.stack([swing_T2[t], opposite_T2[t]])
        either_22 = either_22 + TURN * np.round((before_2 - either_22) / TURN)
        result_T2[t] = either_22[np.linalg.norm(either_22 - before_2, axis=1).argmin()]
    return result_T2
