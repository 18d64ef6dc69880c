"""A place in three dimensions: a paved floor, walls, a sky, seen exactly by a scene's own camera, with cast shadows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from models.surface.raster import Camera, rasterize
from stages.world.backdrops import noise
from stages.world.people import Mesh
from stages.world.solids import together
from stages.world.wardrobe import color

F32 = npt.NDArray[np.float32]
Bool = npt.NDArray[np.bool_]
Rng = np.random.Generator

JOINT = 0.008
"""Half the width of the joints between tiles and bricks, metres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSet:
    """A floor at y = 0 and a wall at z = −`wall_z` (metres), with their paints.

    Attributes:
        wall_z, wall_y: distance and height of the wall.
        floor_33, wall_33: two colours and the colour of the joints of each (rows).
        tile, brick: sizes in metres.
        sky_23: colours at the horizon and overhead.
        grain_GG: noise in 0..1 that weathers everything, repeated every 6 m.
    """

    wall_z: float
    wall_y: float
    floor_33: F32
    wall_33: F32
    tile: float
    brick: float
    sky_23: F32
    grain_GG: F32


def random_set(rng: Rng) -> StageSet:
    """A random place."""
    floor, wall = color(rng) * 0.5 + 0.3, color(rng) * 0.6 + 0.25
    return StageSet(
        wall_z=float(rng.uniform(4, 9)), wall_y=float(rng.uniform(1.2, 6)),
        floor_33=np.stack([floor, floor * rng.uniform(0.75, 0.98), floor * 0.6]).astype(np.float32),
        wall_33=np.stack([wall, wall * rng.uniform(0.8, 0.98), wall * 0.7]).astype(np.float32),
        tile=float(rng.uniform(0.4, 1.4)), brick=float(rng.uniform(0.25, 1.2)),
        sky_23=np.array([[0.86, 0.90, 0.94], [0.42, 0.62, 0.88]], np.float32) * np.float32(rng.uniform(0.75, 1.05)),
        grain_GG=noise(rng, 256, 256, coarsest=6, octaves=5),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """A place before a camera; made by `prospect`.

    Attributes:
        eye_3: where the camera is.
        ray_HW3: a world direction per pixel, one metre deep.
        depth_HW: metres along the camera's axis, infinite in the sky.
        floor_Q, wall_Q: pixels (row · width + column) that show them.
    """

    camera: Camera
    eye_3: F32
    ray_HW3: F32
    depth_HW: F32
    floor_Q: npt.NDArray[np.intp]
    wall_Q: npt.NDArray[np.intp]


def prospect(place: StageSet, camera: Camera) -> Prospect:
    """What the camera sees of a place."""
    eye_3, ray_HW3 = pixel_rays(camera)
    to_floor, to_wall, on_floor, on_wall = _struck(place, eye_3, ray_HW3)
    return Prospect(
        camera=camera, eye_3=eye_3, ray_HW3=ray_HW3, depth_HW=_length(to_floor, to_wall, on_floor, on_wall),
        floor_Q=np.flatnonzero(on_floor), wall_Q=np.flatnonzero(on_wall),
    )


def paint_set(place: StageSet, view: Prospect, spread: float = 0.0) -> F32:
    """The place as the camera sees it, (H, W, 3) in 0..1.

    Args:
        spread: pixels over which joints are averaged, so that thin ones do not flicker as the camera moves; with 0 a
            pixel shows what is at its centre.
    """
    picture_HW3 = np.empty_like(view.ray_HW3)
    picture, ray, depth = picture_HW3.reshape(-1, 3), view.ray_HW3.reshape(-1, 3), view.depth_HW.reshape(-1)
    sky = np.flatnonzero(np.isinf(depth))
    height = np.clip(ray[sky, 1] / 0.6, 0, 1)[:, None]
    picture[sky] = place.sky_23[0] + height * (place.sky_23[1] - place.sky_23[0])
    far, (right, down, deep) = depth[view.floor_Q], ray[view.floor_Q].T
    wide = np.float32(spread / view.camera.focal) * far
    across, along = view.eye_3[0] + far * right, view.eye_3[2] + far * deep
    picture[view.floor_Q] = _paved(place, across, along, place.tile, place.floor_33, (wide, wide - wide / down))
    far, (right, down, _) = depth[view.wall_Q], ray[view.wall_Q].T
    wide = np.float32(spread / view.camera.focal) * far
    across, high = view.eye_3[0] + far * right, view.eye_3[1] + far * down
    row = np.floor(high / (0.45 * place.brick))
    across += 0.5 * place.brick * (row % 2)
    picture[view.wall_Q] = _paved(place, across, high / 0.45, place.brick, place.wall_33, (wide, wide / 0.45))
    return picture_HW3


def distance_along(place: StageSet, eye_3: F32, ray_N3: F32) -> F32:
    """How many lengths of each ray (..., 3) lead from the eye to the place, (...); infinite toward the sky."""
    return _length(*_struck(place, eye_3, ray_N3))


def _length(to_floor: F32, to_wall: F32, on_floor: Bool, on_wall: Bool) -> F32:
    return np.where(on_wall, to_wall, np.where(on_floor, to_floor, np.inf)).astype(np.float32)


def _struck(place: StageSet, eye: F32, ray: F32) -> tuple[F32, F32, Bool, Bool]:
    """Lengths to the floor and to the wall, and which of them is struck."""
    with np.errstate(divide="ignore", invalid="ignore"):
        to_floor = np.where(ray[..., 1] < -1e-4, -eye[1] / ray[..., 1], np.inf)
        to_wall = np.where(ray[..., 2] < -1e-4, (-place.wall_z - eye[2]) / ray[..., 2], np.inf)
    wall_y = eye[1] + np.where(np.isfinite(to_wall), to_wall, 0) * ray[..., 1]
    on_wall = (to_wall < to_floor) & np.isfinite(to_wall) & (wall_y < place.wall_y)
    on_floor = ~on_wall & np.isfinite(to_floor) & (to_floor < 80)
    return to_floor, to_wall, on_floor, on_wall


def pixel_rays(camera: Camera) -> tuple[F32, F32]:
    """The eye, and a world direction per pixel (unit depth along the camera's axis)."""
    ray = np.ones((camera.height, camera.width, 3), np.float32)
    ray[..., 0] = (np.arange(camera.width) + 0.5 - camera.center_2[0]) / camera.focal
    ray[..., 1] = ((np.arange(camera.height) + 0.5 - camera.center_2[1]) / camera.focal)[:, None]
    return (-camera.rotation_33.T @ camera.shift_3).astype(np.float32), ray @ camera.rotation_33


def _paved(place: StageSet, x: F32, z: F32, size: float, colors_33: F32, spread: tuple[F32, F32]) -> F32:
    """Tiles in two tones with joints between, weathered; joints are averaged over a spread (metres) each way."""
    column, row = np.floor(x / size), np.floor(z / size)
    tone = np.mod(np.sin(column * 12.9898 + row * 78.233) * 43758.5453, 1).astype(np.float32)
    first, second, between = colors_33[:, :, None]
    paint_3P = first + tone * (second - first)
    joint = np.maximum(_joint(x, size, spread[0]), _joint(z, size, spread[1]))
    paint_3P = (1 - joint) * paint_3P + joint * between
    cells = len(place.grain_GG)
    grain = place.grain_GG[(z / 6 * cells).astype(int) % cells, (x / 6 * cells).astype(int) % cells]
    return (paint_3P * (0.82 + 0.30 * grain)).T


def _joint(x: F32, size: float, spread: F32) -> F32:
    """Share of a joint, JOINT to either side of every multiple of `size`, in an interval around x."""
    edge = np.abs(x / size - np.rint(x / size)) * size
    wide = np.maximum(spread, np.float32(1e-9))
    return np.clip(np.minimum((JOINT - edge) / wide + 0.5, 2 * JOINT / wide), 0, 1).astype(np.float32)


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
