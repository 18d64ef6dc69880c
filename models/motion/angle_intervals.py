"""How far joint angles may be off: intervals from the confidence of the fitted joints.

The confidence of a joint states the spread of its position. The spread of the joints of an angle gives the width of
the interval; the constants are fitted to the light network's surfaces of synthetic people, whose true angles are known
(`tests/benchmarks/quality/angle_intervals.py`). The error of the up direction is not in the intervals of the pelvis.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.special import gammaincinv

from models.arrays import F32, F64, Float, Index
from models.body.open_body import KEYPOINT_NAMES
from models.fitting.surface_fit import JOINT_TOLERANCE_M
from models.motion.clinical_angles import CLINICAL_ANGLES, without_side

COVERAGE = 0.8
"""Share of true angles that are inside of the intervals."""
SPREAD_M = 0.06
"""Spread of a joint, metres, at which an interval has the half width of `GROUPS`."""
LEAST_SURE, MOST_SURE = 0.02, 0.995
"""Confidences below and above count as these."""
GROUPS = {
    "hip_flexion": (22.8, 1.7), "hip_abduction": (13.0, 0.32), "hip_rotation": (12.7, 0.49),
    "knee_flexion": (17.6, 0.94),
    "knee_abduction": (4.7, 0.0), "knee_rotation": (5.0, 0.01), "ankle_flexion": (18.5, 0.0),
    "ankle_inversion": (9.5, 0.1), "ankle_rotation": (18.8, 0.4), "shoulder_flexion": (28.5, 1.75),
    "shoulder_abduction": (27.4, 1.36), "shoulder_rotation": (36.0, 0.59), "elbow_flexion": (38.0, 0.13),
    "forearm_pronation": (43.8, 0.1), "wrist_flexion": (17.5, 0.18), "wrist_deviation": (6.2, 0.0),
    "trunk_flexion": (17.1, 1.07), "trunk_bend": (10.1, 0.51), "trunk_rotation": (17.4, 0.59),
    "neck_flexion": (13.2, 0.76),
    "neck_bend": (8.8, 0.0), "neck_rotation": (24.4, 0.0), "pelvis_tilt": (14.2, 0.74), "pelvis_bend": (9.5, 0.8),
    "pelvis_rotation": (14.7, 2.0),
}
"""Angles without their side: the half width of the interval in degrees, and the exponent with which it grows with the
spread. Those of the ankle are from films: feet that are locked to the floor have larger errors than fitted ones."""
_KEYPOINTS = {
    "hip": ("knee",), "knee": ("knee", "ankle"), "ankle": ("ankle",), "shoulder": ("shoulder", "elbow"),
    "elbow": ("elbow", "wrist"), "forearm": ("wrist",), "wrist": ("wrist",),
}
_MIDDLE = {
    "trunk": ("left_shoulder", "right_shoulder"), "neck": ("nose", "left_ear", "right_ear"),
    "pelvis": ("left_knee", "right_knee", "left_shoulder", "right_shoulder"),
}
"""Keypoints whose spread is that of an angle at a joint."""


def half_widths(confidence_TJ: Float) -> F32:
    """Half of the interval's width of each of the `CLINICAL_ANGLES` (T, A), degrees, at most 180.

    Args:
        confidence_TJ: confidence of each keypoint, 0..1.
    """
    base_A, exponent_A = np.array([GROUPS[group] for group in group_of_angles()]).T
    return np.minimum(base_A * (angle_spreads(confidence_TJ) / SPREAD_M) ** exponent_A, 180).astype(np.float32)


def angle_spreads(confidence_TJ: Float) -> F64:
    """The spread in metres of the joints of each of the `CLINICAL_ANGLES` (T, A)."""
    sure_TJ = np.clip(np.asarray(confidence_TJ, np.float64), LEAST_SURE, MOST_SURE)
    variance_TJ = JOINT_TOLERANCE_M**2 / (2 * gammaincinv(1.5, sure_TJ))
    return np.sqrt(np.stack([variance_TJ[:, list(some)].mean(axis=1) for some in _keypoints_of_angles()], axis=1))


@cache
def group_of_angles() -> tuple[str, ...]:
    """The name in `GROUPS` of each of the `CLINICAL_ANGLES`."""
    return tuple(without_side(name) for name in CLINICAL_ANGLES)


@cache
def _keypoints_of_angles() -> tuple[Index, ...]:
    """Indices of the keypoints of each of the `CLINICAL_ANGLES`."""
    found = []
    for name in CLINICAL_ANGLES:
        side, _, rest = name.partition("_")
        names = _MIDDLE.get(side) or tuple(f"{side}_{joint}" for joint in _KEYPOINTS[rest.partition("_")[0]])
        found.append(np.array([KEYPOINT_NAMES.index(one) for one in names]))
    return tuple(found)
