"""Shadows: on people by a shadow map of the first lamp, on the floor by projection."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from models.arrays import F32
from models.surface.raster import Camera, rasterize
from stages.world.bodies.people import Mesh, together
from stages.world.bodies.rotations import FRONT, UP, unit

Rng = np.random.Generator

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


def cast_shadows(picture_HW3: F32, camera: Camera, meshes: list[Mesh], toward_3: F32, darkness: float) -> None:
    """Darken the floor where the meshes keep the lamp's light away, in place; the edge is soft."""
    slope = toward_3 / max(float(toward_3[1]), 0.35)
    height, width = picture_HW3.shape[:2]
    # Half as fine is fine enough for what is blurred.
    view = replace(camera, focal=camera.focal / 2, center_2=(camera.center_2[0] / 2, camera.center_2[1] / 2),
                   height=(height + 1) // 2, width=(width + 1) // 2)
    shadow = np.zeros((view.height, view.width), np.float32)
    for mesh in meshes:
        solid = together([mesh])
        flat = solid.vertex_V3 - solid.vertex_V3[:, 1:2] * slope
        # What is turned to the lamp looks up from the floor and covers all the shadow: the rest can be left out.
        hits = rasterize(view, view.to_camera(flat.astype(np.float32)), solid.face_F3)
        shadow.reshape(-1)[hits.pixel_P] = 1
    closed = cv2.morphologyEx(shadow, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    even = cv2.GaussianBlur(closed, (0, 0), max(1.2, height / 400))
    soft = cv2.resize(even, (2 * view.width, 2 * view.height), interpolation=cv2.INTER_CUBIC)[:height, :width]
    picture_HW3 *= 1 - np.float32(darkness) * soft[..., None]


def splat_shadows(rng: Rng, picture_HW3: F32, meshes: list[Mesh], camera: Camera, toward_3: F32) -> None:
    """Soft shadows on the floor, away from the first lamp: bodies flattened onto y = 0, splatted and blurred."""
    height, width = picture_HW3.shape[:2]
    slope = toward_3 / max(float(toward_3[1]), 0.4)
    small = np.zeros((height // 4 + 1, width // 4 + 1), np.float32)
    for mesh in meshes:
        point = mesh.vertex_V3[::5]
        flat = point - point[:, 1:2] * slope
        seen = camera.to_camera(flat.astype(np.float32))
        pixel = (camera.to_pixels(seen)[seen[:, 2] > 0.1] / 4).astype(int)
        inside = (pixel >= 0).all(axis=1) & (pixel[:, 0] < small.shape[1]) & (pixel[:, 1] < small.shape[0])
        small[pixel[inside, 1], pixel[inside, 0]] = 1
    soft = cv2.GaussianBlur(small, (0, 0), 1.6)
    dark = cv2.resize(soft, (small.shape[1] * 4, small.shape[0] * 4))[:height, :width]
    picture_HW3 *= 1 - np.float32(rng.uniform(0.1, 0.55)) * np.clip(dark, 0, 1)[..., None]
