"""Position and time of an animation: moves it to the origin, facing +z, and resamples it to constant time steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from models.animation.presence import nearest_frames
from models.arrays import F32, F64
from models.body.body_motion import BodyMotion
from models.body.pose_library import headings
from models.body.rotation_vectors import unit_quaternions

SAME_TIME_S = 1e-6
"""Seconds: frames whose times differ by less are not interpolated."""


def resampled(motion: BodyMotion, step: float) -> BodyMotion:
    """The motion at constant time steps: spherical interpolation of rotations, linear interpolation of positions.

    Presence and confidence are those of the nearest frame.
    """
    old_T = motion.second_T
    new_T = old_T[0] + step * np.arange(int(np.floor((old_T[-1] - old_T[0]) / step + 1e-6)) + 1)
    new_T = np.minimum(new_T, old_T[-1])
    if len(new_T) == len(old_T) and np.abs(new_T - old_T).max() < SAME_TIME_S:
        return motion
    rotation_TK33 = np.empty((len(new_T), *motion.rotation_TK33.shape[1:]), np.float32)
    for k in range(rotation_TK33.shape[1]):
        turns = Rotation.from_quat(unit_quaternions(motion.rotation_TK33[:, k]))
        rotation_TK33[:, k] = Slerp(old_T, turns)(new_T).as_matrix()
    nearest_T = nearest_frames(old_T, new_T)
    return replace(
        motion,
        rotation_TK33=rotation_TK33,
        root_T3=np.stack([np.interp(new_T, old_T, motion.root_T3[:, k]) for k in range(3)], axis=1).astype(np.float32),
        second_T=new_T,
        confidence_TJ=motion.confidence_TJ[nearest_T],
        presence_T=motion.presence_T[nearest_T],
    )


def transform_to_origin(motion: BodyMotion) -> F64:
    """The transform (4, 4), a rotation about y and a shift along the floor, with which a motion starts at the origin.

    The person faces +z there (see `headings`).
    """
    pose_44 = np.eye(4)
    pose_44[:3, :3] = Rotation.from_rotvec([0, -headings(motion.rotation_TK33[:1, 0])[0], 0]).as_matrix()
    pose_44[:3, 3] = -(pose_44[:3, :3] @ (motion.root_T3[0] * np.array([1, 0, 1], np.float32)))
    return pose_44


def without_path(motion: BodyMotion) -> BodyMotion:
    """The motion without its path along the floor: x and z of the root are those of the first frame."""
    root_T3: F32 = motion.root_T3.copy()
    root_T3[:, [0, 2]] = root_T3[0, [0, 2]]
    return replace(motion, root_T3=root_T3)
