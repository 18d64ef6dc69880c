"""What a repetition was like: depth, times, range of motion, symmetry and smoothness, from joint angles over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.arrays import F64, Bool, Float
from models.motion.angle_intervals import GROUPS, half_widths
from models.motion.clinical_angles import JOINT_ANGLES, without_side
from models.motion.continuous_angles import unwrapped
from models.motion.repetitions import GRID_S, Repetition, angles_at, find_repetitions, on_grid

MAIN_JOINTS = (
    *("hip_flexion", "hip_abduction", "knee_flexion", "shoulder_flexion", "shoulder_abduction", "elbow_flexion"),
    *("trunk_flexion", "trunk_bend"),
)
"""The angles that a movement is judged by: those that a fit knows best and that move most."""
WIDE_DEG = 60.0
"""Angles whose intervals are wider on average do not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepetitionMeasures:
    """One repetition in numbers.

    Attributes:
        repetition: its times.
        joint: the angle with the largest range, on average over all repetitions.
        depth_deg: that angle at the turning point; `depth_interval_deg`: half the width of its interval.
        out_s, back_s: seconds to the turning point and back.
        tempo: repetitions a minute at this tempo, from this start to the next one, or to its own end.
        symmetry_deg: range of that joint on the left less that on the right; NaN for joints of the middle.
        smoothness: log dimensionless jerk of that angle (Balasubramanian et al., 2015): nearer to 0 is smoother.
        range_F: range of each of the angles, degrees.
        turn_F: each of the angles at the turning point, degrees.
    """

    repetition: Repetition
    joint: str
    depth_deg: float
    depth_interval_deg: float
    out_s: float
    back_s: float
    tempo: float
    symmetry_deg: float
    smoothness: float
    range_F: F64
    turn_F: F64

    @property
    def duration_s(self) -> float:
        """Seconds from start to end."""
        return self.out_s + self.back_s


def main_columns(names: Sequence[str]) -> list[int]:
    """The columns of the angles that a movement is judged by; all of them where none has such a name."""
    found = [k for k, name in enumerate(names) if without_side(name) in MAIN_JOINTS]
    return found or list(range(len(names)))


def angle_weights(width_TA: Float) -> F64:
    """How much each angle counts, (A,): less where its intervals are wide, nothing where nobody knows it."""
    known_TA = np.where(np.isfinite(width_TA), width_TA, 180.0)
    width_A = known_TA.mean(axis=0)
    weight_A = 1 / np.maximum(width_A, 5.0)
    return np.where(width_A <= WIDE_DEG, weight_A, 0.0 if (width_A <= WIDE_DEG).any() else weight_A)


def measured_repetitions(
    second_T: Float, angle_TA: Float, width_TA: Float, names: Sequence[str] = JOINT_ANGLES
) -> list[RepetitionMeasures]:
    """The repetitions of one person with their measures, in order.

    Args:
        second_T: ascending seconds.
        angle_TA: degrees of the angles in `names`; NaN where unknown.
        width_TA: half widths of their intervals, degrees.
    """
    columns = main_columns(names)
    main = [names[k] for k in columns]
    angle_TF, width_TF = unwrapped(angle_TA[:, columns], main), width_TA[:, columns]
    weight_F = angle_weights(width_TF)
    found = find_repetitions(second_T, angle_TF, weight_F)
    starts = [one.start_s for one in found]
    following = [*starts, np.nan][1:]
    known_TF, filled_TF = np.isfinite(angle_TF), _filled(second_T, angle_TF)
    around = [_around(one, second_T) for one in found]
    paths = [_path(one, second_T[at], filled_TF[at]) for one, at in zip(found, around, strict=True)]
    known = [known_TF[frames].sum(axis=0) >= 2 for frames in around]
    leading = _leading(paths, known, weight_F)
    return [
        _measures(one, after, second_T, angle_GF, known_F, width_TF, leading, main)
        for one, after, angle_GF, known_F in zip(found, following, paths, known, strict=True)
    ]


def _filled(second_T: Float, angle_TF: F64) -> F64:
    """The angles, interpolated over time where they are unknown; NaN where they never are."""
    result_TF, ever_F = angle_TF.copy(), np.isfinite(angle_TF).any(axis=0)
    if ever_F.any():
        result_TF[:, ever_F] = angles_at(second_T, second_T, angle_TF[:, ever_F])
    return result_TF


def _around(one: Repetition, second_T: Float) -> slice:
    """The frames of a repetition, and a frame more on both sides: frames may be far from each other."""
    first, last = np.searchsorted(second_T, (one.start_s - GRID_S, one.end_s + GRID_S))
    return slice(max(first - 1, 0), last + 1)


def _path(one: Repetition, second_T: Float, angle_TF: F64) -> F64:
    """The angles during a repetition (G, F) at steps of `GRID_S`; NaN where they are never known."""
    grid_G = np.arange(one.start_s, one.end_s + GRID_S, GRID_S)
    angle_GF, ever_F = np.full((len(grid_G), angle_TF.shape[1]), np.nan), np.isfinite(angle_TF[0])
    angle_GF[:, ever_F] = on_grid(grid_G, second_T, angle_TF[:, ever_F])
    return angle_GF


def _leading(paths: Sequence[F64], known: Sequence[Bool], weight_F: F64) -> int:
    """The angle with the largest mean range, of those that are known at least in one repetition, else of all."""
    if not paths:
        return 0
    moved_RF = np.nan_to_num(np.stack([np.ptp(angle_GF, axis=0) for angle_GF in paths]))
    known_RF = np.stack(known) & (weight_F > 0)
    judged_RF = known_RF if known_RF.any() else np.broadcast_to(weight_F > 0, moved_RF.shape)
    return int(np.where(judged_RF, moved_RF, 0.0).mean(axis=0).argmax())


def _measures(
    one: Repetition, after_s: float, second_T: Float, angle_GF: F64, known_F: Bool, width_TF: Float, leading: int,
    names: list[str],
) -> RepetitionMeasures:  # fmt: skip
    range_F = np.where(known_F, np.ptp(angle_GF, axis=0), np.nan)
    turn = min(round((one.turn_s - one.start_s) / GRID_S), len(angle_GF) - 1)
    nearest = int(np.abs(second_T - one.turn_s).argmin())
    own_s = one.end_s - one.start_s
    next_s = after_s - one.start_s if np.isfinite(after_s) and after_s - one.start_s < 2 * own_s else own_s
    return RepetitionMeasures(
        repetition=one, joint=names[leading], depth_deg=float(angle_GF[turn, leading]),
        depth_interval_deg=float(width_TF[nearest, leading]), out_s=one.turn_s - one.start_s,
        back_s=one.end_s - one.turn_s, tempo=60 / max(next_s, GRID_S),
        symmetry_deg=_symmetry(names, leading, range_F), smoothness=_smoothness(angle_GF[:, leading]),
        range_F=range_F, turn_F=np.where(known_F, angle_GF[turn], np.nan),
    )  # fmt: skip


def _symmetry(names: list[str], leading: int, range_F: F64) -> float:
    """Range on the left less that on the right of a joint that both sides have, degrees; else NaN."""
    joint = without_side(names[leading])
    sides = [f"{side}_{joint}" for side in ("left", "right")]
    if not set(sides) <= set(names):
        return float("nan")
    left, right = (float(range_F[names.index(side)]) for side in sides)
    return left - right


def _smoothness(angle_G: F64) -> float:
    """−ln(T³ / v² · ∫ jerk² dt): T the duration, v the largest speed."""
    if len(angle_G) < 5:
        return float("nan")
    speed_G = np.gradient(angle_G, GRID_S)
    jerk_G = np.gradient(np.gradient(speed_G, GRID_S), GRID_S)
    duration, fastest = GRID_S * (len(angle_G) - 1), max(float(np.abs(speed_G).max()), 1e-9)
    return -float(np.log(max(duration**3 / fastest**2 * (jerk_G**2).sum() * GRID_S, 1e-12)))


def joint_widths(confidence_NJ: Float, hidden_NA: Bool) -> F64:
    """Half widths (N, A) of the intervals of `JOINT_ANGLES`, degrees; those of hidden joints are the widest.

    Args:
        confidence_NJ: of the keypoints.
        hidden_NA: whether the bone below each joint is hidden.
    """
    width_NA = half_widths(confidence_NJ)[:, : len(JOINT_ANGLES)]
    widest_A = half_widths(np.zeros((1, confidence_NJ.shape[1]), np.float32))[0, : len(JOINT_ANGLES)]
    base_A = np.array([3 * GROUPS[without_side(name)][0] for name in JOINT_ANGLES])
    return np.where(hidden_NA, np.minimum(np.maximum(widest_A, base_A), 180.0), width_NA)
