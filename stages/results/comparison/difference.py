"""The difference of two performances over time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.time_steps import frame_steps
from stages.payloads import F32, I64
from stages.results.comparison.poses import Performance, mean_where_seen

HALF_TURN, TURN = 180.0, 360.0
SHIFT_STEP = 0.02
LEAST_COMMON = 0.5
"""A shift that leaves a smaller share of the shorter performance in common is not considered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The T frames of A that have a frame of B.

    Attributes:
        row_T2: row of A's and of B's performance.
        angle_TA: degrees, B − A; NaN where either is not visible.
        distance_TP: of each of 24 parts, in torso lengths; NaN where either is not visible.
        shift: seconds by which B was shifted.
        angle_names: names of the angles.
    """

    row_T2: I64
    angle_TA: F32
    distance_TP: F32
    shift: float
    angle_names: tuple[str, ...]


def difference_at(a: Performance, b: Performance, shift: float) -> Difference:
    """The difference with B shifted by `shift` seconds: each frame of A with the frame of B that is nearest in time.

    A frame of B counts if it is no farther away than the interval between B's frames.
    """
    reach = frame_steps(b.second_T).seconds * (1 + 1e-6) if len(b) > 1 else np.inf
    shifted_T = b.second_T + shift
    after_T = np.clip(np.searchsorted(shifted_T, a.second_T), 1, max(len(b) - 1, 1))
    before_T = after_T - 1
    after_T = np.minimum(after_T, len(b) - 1)
    nearer = np.abs(shifted_T[before_T] - a.second_T) <= np.abs(shifted_T[after_T] - a.second_T)
    row_T = np.where(nearer, before_T, after_T)
    near_T = np.abs(shifted_T[row_T] - a.second_T) <= reach
    row_T2 = np.stack([np.flatnonzero(near_T), row_T[near_T]], axis=1)
    angle_change_TA = b.angle_TA[row_T2[:, 1]] - a.angle_TA[row_T2[:, 0]]
    offset_TP2 = b.position_TP2[row_T2[:, 1]] - a.position_TP2[row_T2[:, 0]]
    return Difference(
        row_T2=row_T2,
        angle_TA=(angle_change_TA + HALF_TURN) % TURN - HALF_TURN,
        distance_TP=np.linalg.norm(offset_TP2, axis=2),
        shift=shift,
        angle_names=a.angle_names,
    )


def best_shift(a: Performance, b: Performance, most: float) -> float:
    """The shift of B in seconds, at most `most` either way, with the least difference of joint angles."""
    steps = np.arange(-np.floor(most / SHIFT_STEP), np.floor(most / SHIFT_STEP) + 1) * SHIFT_STEP
    costs = [_cost(a, b, float(step)) for step in steps[np.argsort(np.abs(steps), kind="stable")]]
    return min(costs)[1] if costs else 0.0


def _cost(a: Performance, b: Performance, shift: float) -> tuple[float, float]:
    """(mean absolute difference of angles in degrees, shift); infinite if too little is in common."""
    difference = difference_at(a, b, shift)
    seen = np.isfinite(difference.angle_TA)
    enough = len(difference.row_T2) >= LEAST_COMMON * min(len(a), len(b)) and seen.any()
    return (mean_where_seen(np.abs(difference.angle_TA)) if enough else np.inf), shift
