"""Shadows: on people by a shadow map of the first lamp, on the floor by projection."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from models.arrays import F32
from models.surface.raster import Camera, rasterize
from stages.world.bodies.people import Mesh, merged_mesh
from stages.world.bodies.rotations import FRONT, UP, unit

Rng = np.random.Generator

MAP_SIDE = 192

AWAY = 40.0  # metres: far enough for nearly parallel rays

BIAS = 0.025  # metres: prevents a surface from shading itself where the map samples it coarsely


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowMap:
    """A shadow map: the lamp as a camera, and the depth of the nearest surface per pixel (infinite where none is)."""

    camera: Camera
    depth_SS: F32


def shadow_map(meshes: list[Mesh], toward_3: F32) -> ShadowMap:
    """The shadow map of a distant lamp in the direction `toward_3`."""
    merged = merged_mesh(meshes)
    vertices = merged.vertex_V3
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
    hits = rasterize(camera, camera.to_camera(vertices), merged.face_F3)
    depth = np.full(MAP_SIDE * MAP_SIDE, np.inf, np.float32)
    depth[hits.pixel_P] = hits.depth_P
    return ShadowMap(camera=camera, depth_SS=depth.reshape(MAP_SIDE, MAP_SIDE))


def light_share(view: ShadowMap, point_P3: F32) -> F32:
    """Share of the lamp's light, 0..1, that reaches world points (P, 3): bilinear over four pixels of the map."""
    seen = view.camera.to_camera(point_P3)
    position = view.camera.to_pixels(seen) - 0.5
    corner = np.floor(position).astype(int)
    part = position - corner
    total = np.zeros(len(position), np.float32)
    for dx in (0, 1):
        for dy in (0, 1):
            column = np.clip(corner[:, 0] + dx, 0, MAP_SIDE - 1)
            row = np.clip(corner[:, 1] + dy, 0, MAP_SIDE - 1)
            clear = seen[:, 2] < view.depth_SS[row, column] + BIAS
            total += clear * np.abs(1 - dx - part[:, 0]) * np.abs(1 - dy - part[:, 1])
    return total


def cast_shadows(image_HW3: F32, camera: Camera, meshes: list[Mesh], toward_3: F32, darkness: float) -> None:
    """Soft shadows on the floor: the meshes are projected onto y = 0 and rasterised; darkens the image in place."""
    slope = toward_3 / max(float(toward_3[1]), 0.35)
    height, width = image_HW3.shape[:2]
    # Half the resolution suffices, as the shadow is blurred.
    view = replace(
        camera, focal=camera.focal / 2, center_2=(camera.center_2[0] / 2, camera.center_2[1] / 2),
        height=(height + 1) // 2, width=(width + 1) // 2,
    )
    shadow = np.zeros((view.height, view.width), np.float32)
    for mesh in meshes:
        merged = merged_mesh([mesh])
        flat = merged.vertex_V3 - merged.vertex_V3[:, 1:2] * slope
        # Faces turned to the lamp cover the whole shadow, so the others may be culled.
        hits = rasterize(view, view.to_camera(flat.astype(np.float32)), merged.face_F3)
        shadow.reshape(-1)[hits.pixel_P] = 1
    closed = cv2.morphologyEx(shadow, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    even = cv2.GaussianBlur(closed, (0, 0), max(1.2, height / 400))
    soft = cv2.resize(even, (2 * view.width, 2 * view.height), interpolation=cv2.INTER_CUBIC)[:height, :width]
    image_HW3 *= 1 - np.float32(darkness) * soft[..., None]


def splat_shadows(rng: Rng, image_HW3: F32, meshes: list[Mesh], camera: Camera, toward_3: F32) -> None:
    """Rough soft shadows on the floor: vertices are projected onto y = 0, splatted and blurred; darkens in place."""
    height, width = image_HW3.shape[:2]
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
    image_HW3 *= 1 - np.float32(rng.uniform(0.1, 0.55)) * np.clip(dark, 0, 1)[..., None]
