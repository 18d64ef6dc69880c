"""Smooths a motion over time: jitter is removed, and peaks of fast limbs stay where the fit is certain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.linalg import solveh_banded
from scipy.spatial.transform import Rotation

from models.arrays import F64
from models.body.body_motion import BodyMotion
from models.body.open_body import KEYPOINT_NAMES, load_body
from models.body.rotation_vectors import continuous_quaternions
from models.motion.soles import motion_frame_rate

STRENGTH, AT_FPS, LEAST_STRENGTH = 1.5, 30.0, 0.05
"""Weight of the squared third differences against the squared changes of frames, at this number of frames per second:
the motion of constant jerk that is nearest (Whittaker, 1923; the smoother of Rauch, Tung and Striebel for random jerk).
At other rates it grows with the sixth power, because a third difference is a jerk times the cube of a time step."""
CONFIDENCE_POWER, LEAST_SURE, WEIGHTS = 3, 0.03, (0.05, 4.0)
"""A frame's weight is its confidence, of at least the second number, relative to the mean to this power, in these
limits: where a fit is uncertain, its neighbours decide."""
LEAST_FRAMES = 7
"""Shorter motions are not changed."""
DIFFERENCE = (-1.0, 3.0, -3.0, 1.0)
JOINT_OF_BONE = {
    "clavicle": "shoulder", "upperarm01": "elbow", "lowerarm01": "wrist", "lowerarm02": "wrist", "wrist": "wrist",
    "upperleg01": "knee", "lowerleg01": "ankle", "foot": "ankle",
}  # fmt: skip
"""The joint whose confidence says how certain a limb's bone is; of other bones it is that of the trunk."""
TRUNK = ("shoulder", "hip")


def smoothed_motion(motion: BodyMotion) -> BodyMotion:
    """A motion of evenly spaced frames with smoothed rotations and root positions; a short one is not changed."""
    frames = len(motion.second_T)
    if frames < LEAST_FRAMES:
        return motion
    strength = max(LEAST_STRENGTH, STRENGTH * (motion_frame_rate(motion) / AT_FPS) ** 6)
    penalty_4T = _penalty(frames, strength)
    rotation_TK33 = motion.rotation_TK33.copy()
    for k, bone in enumerate(motion.bone_K.tolist()):  # one bone after the other, which needs little memory
        turn_T33 = motion.rotation_TK33[:, k]
        if (np.ptp(turn_T33, axis=0) > 0).any():
            smooth_T4 = _smoothed(continuous_quaternions(turn_T33), penalty_4T, _weights(motion, bone))
            rotation_TK33[:, k] = Rotation.from_quat(smooth_T4).as_matrix()
    root_T3 = _smoothed(motion.root_T3.astype(np.float64), penalty_4T, np.ones(frames))
    return replace(motion, rotation_TK33=rotation_TK33, root_T3=root_T3.astype(np.float32))


def _penalty(frames: int, strength: float) -> F64:
    """The upper bands (4, T) of the matrix of the squared third differences."""
    band_4T = np.zeros((4, frames))
    for i, one in enumerate(DIFFERENCE):
        for j, other in enumerate(DIFFERENCE[i:], i):
            band_4T[3 - (j - i), j : j + frames - 3] += strength * one * other
    return band_4T


def _weights(motion: BodyMotion, bone: int) -> F64:
    """The weight of each frame (T,) for a bone."""
    name, _, side = load_body().bones[bone].partition(".")
    sides, parts = ({"L": ("left",), "R": ("right",)}.get(side), JOINT_OF_BONE.get(name))
    names = [f"{one}_{part}" for one in sides or ("left", "right") for part in ((parts,) if parts else TRUNK)]
    sure_T = motion.confidence_TJ[:, [KEYPOINT_NAMES.index(one) for one in names]].mean(axis=1).astype(np.float64)
    sure_T = np.maximum(sure_T, LEAST_SURE)
    return np.asarray(((sure_T / sure_T.mean()) ** CONFIDENCE_POWER).clip(*WEIGHTS))


def _smoothed(value_TN: F64, penalty_4T: F64, weight_T: F64) -> F64:
    """The series (T, N) of least weighted squared changes and third differences."""
    band_4T = penalty_4T.copy()
    band_4T[3] += weight_T
    return np.asarray(solveh_banded(band_4T, weight_T[:, None] * value_TN))
