"""Errors of a motion against the true one: positions, accelerations, jerk, and the share of peak speeds it keeps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.arrays import Float, Index
from models.body.open_body import load_body

MEASURED_JOINTS = (
    *("root", "upperleg01.L", "upperleg01.R", "lowerleg01.L", "lowerleg01.R", "foot.L", "foot.R", "neck01", "head"),
    *("upperarm01.L", "upperarm01.R", "lowerarm01.L", "lowerarm01.R", "wrist.L", "wrist.R"),
)
"""Bones whose heads are the measured joints. Positions are relative to the first one, the root."""

END_JOINTS = ("wrist.L", "wrist.R", "foot.L", "foot.R")
"""Joints whose peak speeds are measured: wrists and ankles."""

MIN_PEAK, NEAR_MAXIMUM = 2.0, 0.6
"""A peak is a local maximum of a joint's speed of at least `MIN_PEAK`, m/s, and at least the share `NEAR_MAXIMUM` of
the joint's largest speed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionErrors:
    """Errors of the root-aligned joints of one motion.

    Attributes:
        mpjpe_mm: mean distance between joints and true joints, mm.
        acceleration: mean length of the error of the acceleration, m/s².
        jerk, true_jerk: mean length of the third derivative, of the motion and of the true one, m/s³.
        peaks_kept: for each peak of a wrist or ankle, the share of the true speed that the motion has in the true
            direction. It is the largest share of three frames: that of the peak, the one before and the one after.
    """

    mpjpe_mm: float
    acceleration: float
    jerk: float
    true_jerk: float
    peaks_kept: tuple[float, ...]


def root_aligned_joints(placed_TB3: Float) -> Float:
    """Root-aligned `MEASURED_JOINTS` (T, J, 3) from the positions of all bones (T, B, 3)."""
    joint_TJ3 = placed_TB3[:, [load_body().bone(name) for name in MEASURED_JOINTS]].astype(np.float64)
    return joint_TJ3 - joint_TJ3[:, :1]


def motion_errors(true_TJ3: Float, made_TJ3: Float, fps: float) -> MotionErrors:
    """The errors of root-aligned `MEASURED_JOINTS`, metres, against the true ones; at least four frames."""
    error_TJ3 = made_TJ3 - true_TJ3

    def derivative(joint_TJ3: Float, order: int) -> float:
        difference = np.diff(joint_TJ3[:, 1:], n=order, axis=0) * fps**order
        return float(np.linalg.norm(difference, axis=2).mean())

    kept: list[float] = []
    for name in END_JOINTS:
        j = MEASURED_JOINTS.index(name)
        velocity_T3, made_T3 = (np.gradient(joint_TJ3[:, j], 1 / fps, axis=0) for joint_TJ3 in (true_TJ3, made_TJ3))
        for t in speed_peaks(np.linalg.norm(velocity_T3, axis=1)).tolist():
            along_T = made_T3[max(t - 1, 0) : t + 2] @ velocity_T3[t]
            kept.append(float(along_T.max() / (velocity_T3[t] @ velocity_T3[t])))
    return MotionErrors(
        mpjpe_mm=1000 * float(np.linalg.norm(error_TJ3[:, 1:], axis=2).mean()),
        acceleration=derivative(error_TJ3, 2),
        jerk=derivative(made_TJ3, 3),
        true_jerk=derivative(true_TJ3, 3),
        peaks_kept=tuple(kept),
    )


def speed_peaks(speed_T: Float) -> Index:
    """Frames of the peaks of a joint's speed (m/s)."""
    inner_T = (speed_T[1:-1] >= speed_T[:-2]) & (speed_T[1:-1] > speed_T[2:])
    fast_T = speed_T[1:-1] >= max(MIN_PEAK, NEAR_MAXIMUM * float(speed_T.max()))
    return np.flatnonzero(inner_T & fast_T) + 1
