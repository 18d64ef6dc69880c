"""Smooths a motion over time with a filter that preserves the peak speeds of fast limbs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.signal import savgol_filter
from scipy.spatial.transform import Rotation

from models.body.body_motion import BodyMotion
from models.body.rotation_vectors import continuous_quaternions
from models.motion.soles import motion_frame_rate

WINDOW, ORDER = 0.3, 4
"""Length of the window, seconds, and degree of the polynomial that is fitted in it (Savitzky and Golay, 1964)."""


def smoothed_motion(motion: BodyMotion) -> BodyMotion:
    """A motion of evenly spaced frames with smoothed rotations and root positions.

    A motion that is shorter than the window is not changed.
    """
    frames = max(ORDER + 3, round(WINDOW * motion_frame_rate(motion))) // 2 * 2 + 1
    if frames > len(motion.second_T):
        return motion
    rotation_TB33 = motion.rotation_TB33.copy()
    moving = np.flatnonzero((np.ptp(rotation_TB33, axis=0) > 0).any(axis=(1, 2)))
    if len(moving):
        smooth_TK4 = savgol_filter(continuous_quaternions(rotation_TB33[:, moving]), frames, ORDER, axis=0)
        turn = Rotation.from_quat(smooth_TK4.reshape(-1, 4))
        rotation_TB33[:, moving] = turn.as_matrix().reshape(len(rotation_TB33), len(moving), 3, 3)
    root_T3 = savgol_filter(motion.root_T3.astype(np.float64), frames, ORDER, axis=0)
    return replace(motion, rotation_TB33=rotation_TB33, root_T3=root_T3.astype(np.float32))
