"""The difference of two performances over time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.motion.continuous_angles import angle_differences, unwrapped
from models.time_steps import frame_steps
from stages.payloads import F32, I64, Bool, Float
from stages.results.comparison.poses import Performance, mean_where_seen

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
        interval_TA: half widths of the intervals of `angle_TA`, degrees; NaN where nothing is known of them.
        seen_TA: whether the limb is visible in both.
    """

    row_T2: I64
    angle_TA: F32
    distance_TP: F32
    shift: float
    angle_names: tuple[str, ...]
    interval_TA: F32
    seen_TA: Bool


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
    return _difference(a, b, row_T2, b.angle_TA[row_T2[:, 1]], shift)


def difference_along(a: Performance, b: Performance, second_T: Float) -> Difference:
    """The difference of each frame of A and B at the second that is given for it, interpolated between B's frames."""
    inside_T = (second_T >= b.second_T[0] - 1e-6) & (second_T <= b.second_T[-1] + 1e-6)
    row_T = np.abs(b.second_T[None] - second_T[:, None]).argmin(axis=1) if len(b) < 3 else _nearest(b, second_T)
    row_T2 = np.stack([np.flatnonzero(inside_T), row_T[inside_T]], axis=1)
    angle_UA = unwrapped(b.angle_TA, b.angle_names)
    angle_TA = np.stack([np.interp(second_T[inside_T], b.second_T, angle_U) for angle_U in angle_UA.T], axis=1)
    return _difference(a, b, row_T2, angle_TA, float(np.median(a.second_T - second_T)))


def _nearest(b: Performance, second_T: Float) -> I64:
    """The row of B that is nearest in time to each second."""
    after_T = np.clip(np.searchsorted(b.second_T, second_T), 1, len(b) - 1)
    earlier_T = second_T - b.second_T[after_T - 1] <= b.second_T[after_T] - second_T
    return np.asarray(np.where(earlier_T, after_T - 1, after_T))


def _difference(a: Performance, b: Performance, row_T2: I64, angle_b_TA: Float, shift: float) -> Difference:
    """The difference of rows of A and B, with the angles of B at these moments."""
    rows_a, rows_b = row_T2.T
    change_TA = angle_differences(a.angle_TA[rows_a], angle_b_TA, a.angle_names)
    offset_TP2 = b.position_TP2[rows_b] - a.position_TP2[rows_a]
    known = a.width_TA is not None and b.width_TA is not None
    both = (a.width_TA[rows_a], b.width_TA[rows_b]) if known else (np.nan, np.nan)  # type: ignore[index]
    return Difference(
        row_T2=row_T2,
        angle_TA=change_TA.astype(np.float32),
        distance_TP=np.linalg.norm(offset_TP2, axis=2),
        shift=shift,
        angle_names=a.angle_names,
        interval_TA=np.broadcast_to(np.hypot(*both), change_TA.shape).astype(np.float32),
        seen_TA=a.seen()[rows_a] & b.seen()[rows_b],
    )


def best_shift(a: Performance, b: Performance, most: float) -> float:
    """The shift of B in seconds, at most `most` either way, with the least difference of joint angles."""
    steps = np.arange(-np.floor(most / SHIFT_STEP), np.floor(most / SHIFT_STEP) + 1) * SHIFT_STEP
    costs = [_cost(a, b, float(step)) for step in steps[np.argsort(np.abs(steps), kind="stable")]]
    return min(costs)[1] if costs else 0.0


def _cost(a: Performance, b: Performance, shift: float) -> tuple[float, float]:
    """(mean absolute difference of angles in degrees, shift); infinite if too little is in common."""
    difference = difference_at(a, b, shift)
    seen = difference.seen_TA & np.isfinite(difference.angle_TA)
    enough = len(difference.row_T2) >= LEAST_COMMON * min(len(a), len(b)) and seen.any()
    return (mean_where_seen(np.abs(difference.angle_TA[seen])) if enough else np.inf), shift
