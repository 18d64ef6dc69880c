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
    rotation_TK33 = motion.rotation_TK33.copy()
    for k in range(rotation_TK33.shape[1]):  # one bone after the other, which needs little memory
        turn_T33 = motion.rotation_TK33[:, k]
        if (np.ptp(turn_T33, axis=0) > 0).any():
            smooth_T4 = savgol_filter(continuous_quaternions(turn_T33), frames, ORDER, axis=0)
            rotation_TK33[:, k] = Rotation.from_quat(smooth_T4).as_matrix()
    root_T3 = savgol_filter(motion.root_T3.astype(np.float64), frames, ORDER, axis=0)
    return replace(motion, rotation_TK33=rotation_TK33, root_T3=root_T3.astype(np.float32))
