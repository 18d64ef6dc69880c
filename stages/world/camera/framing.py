"""Positions of the camera and of the people in its view."""

from __future__ import annotations

import numpy as np

from models.surface.raster import Camera
from stages.world.bodies.people import Mesh
from stages.world.bodies.rotations import FRONT, LEFT, axis_rotation

Rng = np.random.Generator

# World (y up, z toward the viewer) → camera (y down, z away).
_FACING = np.diag([1, -1, -1]).astype(np.float32)

FOCAL_RANGE = (0.8, 2.5)
"""Default range of the focal length in units of the image's longer side: fields of view of 64° to 23°."""


def framing_camera(
    rng: Rng,
    mesh: Mesh,
    height: int,
    width: int,
    person_px: float,
    center_2: tuple[float, float],
    pitch_range: tuple[float, float],
    roll_spread: float,
    lens: tuple[float, float] = FOCAL_RANGE,
) -> Camera:
    """A random camera in which a person is about `person_px` pixels tall and centred on pixel `center_2`.

    Args:
        pitch_range: radians, downward.
        roll_spread: standard deviation, radians.
        lens: range of the focal length, as `FOCAL_RANGE`.
    """
    focal = max(height, width) * float(np.exp(rng.uniform(*np.log(lens))))
    pitch, roll = float(rng.uniform(*pitch_range)), float(rng.normal(0, roll_spread))
    rotation = (_FACING @ axis_rotation(FRONT, roll) @ axis_rotation(LEFT, pitch)).astype(np.float32)
    low, high = mesh.vertex_V3.min(axis=0), mesh.vertex_V3.max(axis=0)
    extent = float(max(high[1] - low[1], 0.7 * (high[0] - low[0])))
    distance = max(1.2, focal * extent / person_px)
    ray = np.array([(center_2[0] - width / 2) / focal, (center_2[1] - height / 2) / focal, 1.0], np.float32)
    target = (low + high) / 2
    shift = ray * distance - rotation @ target
    return Camera(
        rotation_33=rotation, shift_3=shift.astype(np.float32), focal=focal, center_2=(width / 2, height / 2),
        height=height, width=width,
    )


def floor_position(camera: Camera, column: float, depth: float) -> tuple[float, float]:
    """The point (x, z) of the floor at an image column and a depth, metres."""
    back = camera.rotation_33.T
    eye = -back @ camera.shift_3
    across = (column - camera.center_2[0]) / camera.focal
    down_y = back[1, 1] if abs(back[1, 1]) > 0.2 else -0.2
    down = -(eye[1] / depth + back[1, 0] * across + back[1, 2]) / down_y
    point = eye + depth * (back @ np.array([across, down, 1.0], np.float32))
    return float(point[0]), float(point[2])
