"""Shadows that people cast on themselves and on each other: a depth map seen from the lamp."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.arrays import F32
from models.surface.raster import Camera, rasterize
from stages.world.bodies.people import Mesh
from stages.world.bodies.rotations import FRONT, UP, unit
from stages.world.places.solids import together

MAP_SIDE = 192
AWAY = 40.0  # metres: far enough for rays to be parallel
BIAS = 0.025  # metres: a surface does not shade itself for being sampled


@dataclass(frozen=True, slots=True, kw_only=True)
class LampView:
    """What a lamp sees: its camera, and the depth of the nearest surface per map pixel (infinite where none is)."""

    camera: Camera
    depth_SS: F32


def lamp_view(meshes: list[Mesh], toward_3: F32) -> LampView:
    """The depth map of a far lamp in the direction `toward_3`."""
    solids = together(meshes)
    vertices = solids.vertex_V3
    low, high = (np.array([end(vertices[:, axis]) for axis in range(3)]) for end in (np.min, np.max))
    forward = -unit(toward_3)
    right = unit(np.cross(FRONT if abs(forward[1]) > 0.9 else UP, forward))
    rotation = np.stack([right, np.cross(forward, right), forward]).astype(np.float32)
    shift = np.array([0, 0, AWAY], np.float32) - rotation @ ((low + high) / 2)
    focal = 0.92 * MAP_SIDE * AWAY / max(float(np.linalg.norm(high - low)), 0.5)
    camera = Camera(
        rotation_33=rotation, shift_3=shift.astype(np.float32), focal=focal, center_2=(MAP_SIDE / 2, MAP_SIDE / 2),
        height=MAP_SIDE, width=MAP_SIDE,
    )
    hits = rasterize(camera, camera.to_camera(vertices), solids.face_F3)
    depth = np.full(MAP_SIDE * MAP_SIDE, np.inf, np.float32)
    depth[hits.pixel_P] = hits.depth_P
    return LampView(camera=camera, depth_SS=depth.reshape(MAP_SIDE, MAP_SIDE))


def lit(view: LampView, point_P3: F32) -> F32:
    """Share of the lamp's light that reaches world points (P,), 0..1: four taps of the map, mixed."""
    seen = view.camera.to_camera(point_P3)
    place = view.camera.to_pixels(seen) - 0.5
    corner = np.floor(place).astype(int)
    part = place - corner
    total = np.zeros(len(place), np.float32)
    for dx in (0, 1):
        for dy in (0, 1):
            column = np.clip(corner[:, 0] + dx, 0, MAP_SIDE - 1)
            row = np.clip(corner[:, 1] + dy, 0, MAP_SIDE - 1)
            clear = seen[:, 2] < view.depth_SS[row, column] + BIAS
            total += clear * np.abs(1 - dx - part[:, 0]) * np.abs(1 - dy - part[:, 1])
    return total
