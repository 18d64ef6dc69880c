"""A place in three dimensions: a paved floor, walls, a sky, seen exactly by a scene's own camera, with cast shadows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from models.arrays import F32, U8
from models.surface.raster import Camera, rasterize
from stages.world.bodies.people import Mesh
from stages.world.clothes.wardrobe import color
from stages.world.places.backdrops import noise
from stages.world.places.paving import paved
from stages.world.places.places import FLOOR, SKY, WALL, Prospect, upright
from stages.world.places.solids import together

Rng = np.random.Generator

FAR = 80.0
"""Metres at which the floor ends."""


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

    def struck(self, eye_3: F32, ray_N3: F32) -> tuple[F32, U8]:
        """As `Place` says."""
        with np.errstate(divide="ignore", invalid="ignore"):
            to_floor = np.where(ray_N3[..., 1] < -1e-4, -eye_3[1] / ray_N3[..., 1], np.inf)
        to_wall = upright(eye_3, ray_N3, -self.wall_z)
        wall_y = eye_3[1] + np.where(np.isfinite(to_wall), to_wall, 0) * ray_N3[..., 1]
        on_wall = (to_wall < to_floor) & np.isfinite(to_wall) & (wall_y < self.wall_y)
        on_floor = ~on_wall & (to_floor < FAR)
        length = np.where(on_wall, to_wall, np.where(on_floor, to_floor, np.inf)).astype(np.float32)
        return length, (SKY + (FLOOR - SKY) * on_floor + (WALL - SKY) * on_wall).astype(np.uint8)

    def paint(self, view: Prospect, spread: float) -> F32:
        """As `Place` says."""
        picture_HW3 = np.empty_like(view.ray_HW3)
        picture, ray, depth = picture_HW3.reshape(-1, 3), view.ray_HW3.reshape(-1, 3), view.depth_HW.reshape(-1)
        sky, floor, wall = (view.of_part(part) for part in (SKY, FLOOR, WALL))
        height = np.clip(ray[sky, 1] / 0.6, 0, 1)[:, None]
        picture[sky] = self.sky_23[0] + height * (self.sky_23[1] - self.sky_23[0])
        far, (right, down, deep) = depth[floor], ray[floor].T
        wide = np.float32(spread / view.camera.focal) * far
        across, along = view.eye_3[0] + far * right, view.eye_3[2] + far * deep
        widths = (wide, wide - wide / down)
        picture[floor] = paved(self.grain_GG, across, along, self.tile, self.floor_33, widths)
        far, (right, down, _) = depth[wall], ray[wall].T
        wide = np.float32(spread / view.camera.focal) * far
        across, high = view.eye_3[0] + far * right, view.eye_3[1] + far * down
        row = np.floor(high / (0.45 * self.brick))
        across += 0.5 * self.brick * (row % 2)
        picture[wall] = paved(self.grain_GG, across, high / 0.45, self.brick, self.wall_33, (wide, wide / 0.45))
        return picture_HW3

    def may_hide(self, point_HW3: F32) -> npt.NDArray[np.bool_]:
        """What is over the wall, and the sky: what stands on the floor before the wall never is behind either."""
        return np.asarray((point_HW3[..., 2] < -1.001 * self.wall_z) | (np.abs(point_HW3) > FAR).any(axis=-1))


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
