"""How well a motion follows the true one over time: places, accelerations, jerk, and the peak speeds that it keeps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.arrays import Float, Index
from models.body.open_body import load_body

FILM_JOINTS = (
    *("root", "upperleg01.L", "upperleg01.R", "lowerleg01.L", "lowerleg01.R", "foot.L", "foot.R", "neck01", "head"),
    *("upperarm01.L", "upperarm01.R", "lowerarm01.L", "lowerarm01.R", "wrist.L", "wrist.R"),
)
"""Bones whose heads are the joints of a film's measures; the first is the origin of root-aligned places."""

ENDS = ("wrist.L", "wrist.R", "foot.L", "foot.R")
"""Joints whose peak speeds are measured: wrists and ankles."""

LEAST_PEAK, NEAR_MAXIMUM = 2.0, 0.6
"""A peak of speed is a local maximum of at least this many metres a second and this share of the joint's fastest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmMeasures:
    """Measures of one film.

    Attributes:
        mpjpe_mm: mean distance of root-aligned joints.
        acceleration: mean length of the error of root-aligned joints' acceleration, m/s².
        jerk, true_jerk: mean length of root-aligned joints' third derivative, m/s³.
        peaks_kept: by peak of a wrist or ankle, the part of its speed that the motion has in the true direction, at
            best one frame earlier or later.
    """

    mpjpe_mm: float
    acceleration: float
    jerk: float
    true_jerk: float
    peaks_kept: tuple[float, ...]


def film_joints(placed_TB3: Float) -> Float:
    """Root-aligned `FILM_JOINTS` (T, J, 3) from the places of all bones."""
    joint_TJ3 = placed_TB3[:, [load_body().bone(name) for name in FILM_JOINTS]].astype(np.float64)
    return joint_TJ3 - joint_TJ3[:, :1]


def film_measures(true_TJ3: Float, made_TJ3: Float, fps: float) -> FilmMeasures:
    """Measures of root-aligned `FILM_JOINTS` in metres against the truth; at least four frames."""
    error_TJ3 = made_TJ3 - true_TJ3

    def derivative(joint_TJ3: Float, order: int) -> float:
        difference = np.diff(joint_TJ3[:, 1:], n=order, axis=0) * fps**order
        return float(np.linalg.norm(difference, axis=2).mean())

    kept: list[float] = []
    for name in ENDS:
        j = FILM_JOINTS.index(name)
        velocity_T3, made_T3 = (np.gradient(one[:, j], 1 / fps, axis=0) for one in (true_TJ3, made_TJ3))
        for t in speed_peaks(np.linalg.norm(velocity_T3, axis=1)).tolist():
            along_T = made_T3[max(t - 1, 0) : t + 2] @ velocity_T3[t]
            kept.append(float(along_T.max() / (velocity_T3[t] @ velocity_T3[t])))
    return FilmMeasures(
        mpjpe_mm=1000 * float(np.linalg.norm(error_TJ3[:, 1:], axis=2).mean()),
        acceleration=derivative(error_TJ3, 2),
        jerk=derivative(made_TJ3, 3),
        true_jerk=derivative(true_TJ3, 3),
        peaks_kept=tuple(kept),
    )


def speed_peaks(speed_T: Float) -> Index:
    """Frames of the peaks of a joint's speed (m/s)."""
    inner_T = (speed_T[1:-1] >= speed_T[:-2]) & (speed_T[1:-1] > speed_T[2:])
    fast_T = speed_T[1:-1] >= max(LEAST_PEAK, NEAR_MAXIMUM * float(speed_T.max()))
    return np.flatnonzero(inner_T & fast_T) + 1
