"""Up from upright lines of the picture: edges of walls, doors, windows and poles meet at one vanishing point.

They are where a camera's tilt shows most exactly, and are used only where they are many and agree (Coughlan and Yuille,
ICCV 1999, find a camera's direction among the lines of built places).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from models.arrays import F32, F64, U8, Float
from models.body.camera import PinholeCamera

LARGER_SIDE = 640
"""Pixels of the picture's larger side in which lines are searched; larger ones are made smaller."""

LONG, STEEP_DEG = 0.05, 40.0
"""A line counts from this share of the picture's height on, and up to this angle from the picture's upright."""

OFF_DEG = 1.0
"""Degrees by which an upright line may be off."""

PITCHES_DEG, ROLLS_DEG = np.arange(-45.0, 45.1, 1.0), np.arange(-8.0, 8.1, 1.0)
"""Tilts that are tried, degrees."""

FARTHEST_DEG = 30.0
"""Degrees by which the lines' up may be off the bodies' up."""

SHARE, LEAD, APART_DEG = 0.3, 1.7, 8.0
"""Lines tell up if this share of their length agrees, and so many times more than for any pitch this far apart."""

LEAST_LENGTH = 0.8
"""Length of the lines of a picture together, in heights of the picture, below which they tell nothing."""

STEPS = 8

EXACT, FOCAL = np.radians(1.5), 0.3
"""Standard deviation of the up of lines, radians, and the part of a pitch by which it is larger: where the focal length
is assumed, a pitch is wrong in proportion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinesUp:
    """Up in the camera's frame as upright lines tell it, and standard deviations sideways and towards the camera."""

    up_3: F64
    spread_2: F64


def steep_lines(rgb_HW3: U8) -> F32:
    """Long and steep straight edges of a picture: ends (N, 4) x, y, x, y in pixels."""
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


def up_of_lines(pictures: Sequence[F32], camera: PinholeCamera, told_3: Float) -> LinesUp | None:
    """Up in the camera's frame as upright lines of some pictures tell it; None where they do not tell it clearly.

    Args:
        pictures: of each, `steep_lines` in pixels of the camera's frames.
        told_3: up as bodies tell it.
    """
    end_N4 = np.concatenate(pictures) if pictures else np.zeros((0, 4), np.float32)
    length_N = np.hypot(*(end_N4[:, 2:] - end_N4[:, :2]).T) / (2 * float(camera.center_2[1]))
    if length_N.sum() < max(LEAST_LENGTH * len(pictures), 1e-6):
        return None
    ray_N23 = np.ones((len(end_N4), 2, 3))
    ray_N23[..., :2] = (end_N4.reshape(-1, 2, 2) - camera.center_2) / camera.focal_px
    plane_N3 = np.cross(ray_N23[:, 0], ray_N23[:, 1])
    plane_N3 /= np.linalg.norm(plane_N3, axis=1, keepdims=True)
    up_PR3 = _tilted(PITCHES_DEG[:, None], ROLLS_DEG)
    agree_PR = (_agreement(plane_N3 @ up_PR3.reshape(-1, 3).T).T @ length_N).reshape(up_PR3.shape[:2])
    agree_PR[up_PR3 @ told_3 < np.cos(np.radians(FARTHEST_DEG))] = 0
    pitch, roll = np.unravel_index(agree_PR.argmax(), agree_PR.shape)
    apart_P = np.abs(PITCHES_DEG - PITCHES_DEG[pitch]) >= APART_DEG
    best = float(agree_PR[pitch, roll])
    if best < SHARE * length_N.sum() or best < LEAD * float(agree_PR[apart_P].max()):
        return None
    up_3 = _refined(up_PR3[pitch, roll], plane_N3, length_N)
    tilt = float(np.arctan2(-up_3[2], -up_3[1]))
    return LinesUp(up_3=up_3, spread_2=np.array([EXACT, EXACT + FOCAL * abs(tilt)]))


def across(up_3: F64) -> F64:
    """Two directions (2, 3) across an up in a camera's frame: sideways, and towards or away from the camera."""
    side_3 = np.cross(up_3, [0.0, 0.0, 1.0])
    side_3 /= np.linalg.norm(side_3)
    return np.stack([side_3, np.cross(up_3, side_3)])


def _tilted(pitch_deg: Float, roll_deg: Float) -> F64:
    """Up (…, 3) of cameras that look down by a pitch and are turned about their axis by a roll."""
    pitch, roll = np.broadcast_arrays(np.radians(pitch_deg), np.radians(roll_deg))
    return np.stack([np.sin(roll), -np.cos(roll) * np.cos(pitch), -np.cos(roll) * np.sin(pitch)], axis=-1)


def _agreement(sine: Float) -> F64:
    """How far lines agree with a direction, 0..1, from the sines of their angles to it."""
    return np.asarray(1 / (1 + (sine / np.radians(OFF_DEG)) ** 2) ** 2)


def _refined(up_3: F64, plane_N3: F64, length_N: F64) -> F64:
    """The direction to which most lines are parallel, near a first one."""
    for _ in range(STEPS):
        turn_23 = across(up_3)
        off_N, slope_N2 = plane_N3 @ up_3, plane_N3 @ turn_23.T
        weight_N = length_N * _agreement(off_N)
        normal_22 = slope_N2.T @ (slope_N2 * weight_N[:, None]) + 1e-6 * np.eye(2)
        up_3 = up_3 - np.linalg.solve(normal_22, slope_N2.T @ (weight_N * off_N)) @ turn_23
        up_3 /= np.linalg.norm(up_3)
    return up_3
