"""Rotation matrices (float32) and directions of limbs; angles in radians."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from models.arrays import F32

LEFT, UP, FRONT = np.eye(3, dtype=np.float32)

_NEXT, _AFTER = [1, 2, 0], [2, 0, 1]


def axis_rotation(axis_3: F32, angle: float) -> F32:
    """Rotation by `angle` about a unit axis, right-handed."""
    x, y, z = axis_3.tolist()
    c, s = math.cos(angle), math.sin(angle)
    d = 1 - c
    return np.array(
        [
            [c + x * x * d, x * y * d - z * s, x * z * d + y * s],
            [y * x * d + z * s, c + y * y * d, y * z * d - x * s],
            [z * x * d - y * s, z * y * d + x * s, c + z * z * d],
        ],
        np.float32,
    )


def rotation_between(from_3: F32, to_3: F32) -> F32:
    """The smallest rotation that takes one direction to another."""
    a, b = unit(from_3), unit(to_3)
    axis = _cross(a, b)
    sine, cosine = float(np.sqrt(axis.dot(axis))), float(a @ b)
    if sine < 1e-6:
        return np.eye(3, dtype=np.float32) if cosine > 0 else axis_rotation(unit(_cross(a, UP + 0.3 * LEFT)), math.pi)
    return axis_rotation(axis / sine, math.atan2(sine, cosine))


def _cross(a_3: F32, b_3: F32) -> F32:
    """The cross product of two vectors; `np.cross` is slow for so few numbers."""
    return a_3[_NEXT] * b_3[_AFTER] - a_3[_AFTER] * b_3[_NEXT]


def unit(v_3: npt.ArrayLike) -> F32:
    """The vector scaled to length 1."""
    v = np.asarray(v_3, np.float32)
    return v / np.sqrt(v.dot(v))


def limb_direction(flexion: float, abduction: float) -> tuple[float, float, float]:
    """Direction of a limb raised forward (flexion), then sideways (abduction); 0 radians hangs down."""
    inward = float(np.cos(abduction))
    return float(np.sin(abduction)), -inward * float(np.cos(flexion)), inward * float(np.sin(flexion))
