"""Estimates the up direction from vertical lines: edges of walls, doors, windows and poles share one vanishing point.

These lines give a camera's tilt more exactly than bodies do. They are used only if there are many and they agree
(compare Coughlan and Yuille, ICCV 1999).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from models.arrays import F32, F64, U8, Float
from models.body.camera import PinholeCamera

LARGER_SIDE = 640
"""Pixels. Lines are detected in images whose larger side has at most this size; larger images are reduced."""
LONG, STEEP_DEG = 0.05, 40.0
"""A line is used if it is longer than this share of the image's height, and its angle to the image's vertical axis is
smaller than the second number, in degrees."""

LINE_SPREAD_DEG = 1.0
"""Degrees: width of the robust kernel for the angle between a line and the vertical direction."""
PITCHES_DEG, ROLLS_DEG = np.arange(-45.0, 45.1, 1.0), np.arange(-8.0, 8.1, 1.0)
"""Degrees: the tilts of the camera that are tried."""
FARTHEST_DEG = 30.0
"""Degrees: maximum angle between the up direction from lines and that from bodies."""
STEPS = 8
"""Number of Gauss–Newton steps from the best tilt."""

MIN_LINE_LENGTH = 0.8
"""Minimum of the summed length of the lines of an image, in heights of the image."""
MIN_AGREEMENT, LEAD, OTHER_PITCH_DEG = 0.3, 1.7, 8.0
"""Minimum share of the lines' length that agrees with the best tilt. It must exceed by the factor `LEAD` the share of
each pitch that differs by at least `OTHER_PITCH_DEG` degrees."""
EXACT, FOCAL_ERROR = np.radians(1.5), 0.3
"""Standard deviation of the up direction, radians. Towards the camera, this share of the pitch is added, because an
error of the focal length changes the pitch in proportion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpFromLines:
    """The up direction in the camera's frame, and its standard deviations sideways and towards the camera, radians."""

    up_3: F64
    spread_2: F64


def steep_lines(rgb_HW3: U8) -> F32:
    """Long and steep straight edges of an image: their ends (N, 4) x, y, x, y in pixels."""
    scale = min(1.0, LARGER_SIDE / max(rgb_HW3.shape[:2]))
    small_HW3 = cv2.resize(rgb_HW3, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    gray_HW = cv2.cvtColor(small_HW3, cv2.COLOR_RGB2GRAY)
    found = cv2.createLineSegmentDetector(cv2.LSD_REFINE_STD).detect(gray_HW)[0]
    if found is None:
        return np.zeros((0, 4), np.float32)
    end_N4 = found.reshape(-1, 4).astype(np.float32)
    way_N2 = np.abs(end_N4[:, 2:] - end_N4[:, :2])
    steep_N = way_N2[:, 0] < np.tan(np.radians(STEEP_DEG)) * way_N2[:, 1]
    return end_N4[steep_N & (np.hypot(*way_N2.T) > LONG * len(gray_HW))] / np.float32(scale)


def up_from_lines(pictures: Sequence[F32], camera: PinholeCamera, body_up_3: Float) -> UpFromLines | None:
    """The up direction in the camera's frame; None if the lines are too few or do not agree.

    Args:
        pictures: `steep_lines` of some frames, pixels.
        camera: the camera of these frames.
        body_up_3: the up direction from bodies.
    """
    end_N4 = np.concatenate(pictures) if pictures else np.zeros((0, 4), np.float32)
    length_N = np.hypot(*(end_N4[:, 2:] - end_N4[:, :2]).T) / (2 * float(camera.center_2[1]))
    if length_N.sum() < max(MIN_LINE_LENGTH * len(pictures), 1e-6):
        return None
    ray_N23 = np.ones((len(end_N4), 2, 3))
    ray_N23[..., :2] = (end_N4.reshape(-1, 2, 2) - camera.center_2) / camera.focal_px
    plane_N3 = np.cross(ray_N23[:, 0], ray_N23[:, 1])
    plane_N3 /= np.linalg.norm(plane_N3, axis=1, keepdims=True)
    up_PR3 = _tilted(PITCHES_DEG[:, None], ROLLS_DEG)
    agree_PR = (_agreement(plane_N3 @ up_PR3.reshape(-1, 3).T).T @ length_N).reshape(up_PR3.shape[:2])
    agree_PR[up_PR3 @ body_up_3 < np.cos(np.radians(FARTHEST_DEG))] = 0
    pitch, roll = np.unravel_index(agree_PR.argmax(), agree_PR.shape)
    other_P = np.abs(PITCHES_DEG - PITCHES_DEG[pitch]) >= OTHER_PITCH_DEG
    best = float(agree_PR[pitch, roll])
    if best < MIN_AGREEMENT * length_N.sum() or best < LEAD * float(agree_PR[other_P].max()):
        return None
    up_3 = _refined(up_PR3[pitch, roll], plane_N3, length_N)
    tilt = float(np.arctan2(-up_3[2], -up_3[1]))
    return UpFromLines(up_3=up_3, spread_2=np.array([EXACT, EXACT + FOCAL_ERROR * abs(tilt)]))


def across(up_3: F64) -> F64:
    """Two unit vectors (2, 3) perpendicular to an up direction in a camera's frame: sideways, and along the view."""
    side_3 = np.cross(up_3, [0.0, 0.0, 1.0])
    side_3 /= np.linalg.norm(side_3)
    return np.stack([side_3, np.cross(up_3, side_3)])


def _tilted(pitch_deg: Float, roll_deg: Float) -> F64:
    """Up directions (…, 3) in the frames of cameras that look down by a pitch and are rotated by a roll."""
    pitch, roll = np.broadcast_arrays(np.radians(pitch_deg), np.radians(roll_deg))
    return np.stack([np.sin(roll), -np.cos(roll) * np.cos(pitch), -np.cos(roll) * np.sin(pitch)], axis=-1)


def _agreement(sine: Float) -> F64:
    """Agreement of lines with a direction, 0..1, from the sines of the angles between them."""
    return np.asarray(1 / (1 + (sine / np.radians(LINE_SPREAD_DEG)) ** 2) ** 2)


def _refined(up_3: F64, plane_N3: F64, length_N: F64) -> F64:
    """The direction to which most lines are parallel, by Gauss–Newton from a first direction."""
    for _ in range(STEPS):
        turn_23 = across(up_3)
        sine_N, slope_N2 = plane_N3 @ up_3, plane_N3 @ turn_23.T
        weight_N = length_N * _agreement(sine_N)
        normal_22 = slope_N2.T @ (slope_N2 * weight_N[:, None]) + 1e-6 * np.eye(2)
        up_3 = up_3 - np.linalg.solve(normal_22, slope_N2.T @ (weight_N * sine_N)) @ turn_23
        up_3 /= np.linalg.norm(up_3)
    return up_3
