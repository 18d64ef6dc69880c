"""An environment with a tiled floor, a brick wall and a sky."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.arrays import F32, U8
from stages.world.backgrounds.environment import FLOOR, SKY, WALL, Prospect, upright
from stages.world.backgrounds.painted import noise
from stages.world.clothes.patterns import color

JOINT = 0.008
"""Half the width of the joints between tiles and bricks, metres."""


def paved(grain_GG: F32, x_P: F32, z_P: F32, size: float, colors_33: F32, spread: tuple[F32, F32]) -> F32:
    """Colours (P, 3) at places of a plane (metres).

    Args:
        grain_GG: noise in 0..1 that weathers it, repeated every 6 m.
        size: of a tile, metres.
        colors_33: of two tiles and of a joint, by row.
        spread: metres each way over which joints are averaged.
    """
    column, row = np.floor(x_P / size), np.floor(z_P / size)
    tone = np.mod(np.sin(column * 12.9898 + row * 78.233) * 43758.5453, 1).astype(np.float32)
    first, second, between = colors_33[:, :, None]
    paint_3P = first + tone * (second - first)
    joint = np.maximum(_joint(x_P, size, spread[0]), _joint(z_P, size, spread[1]))
    paint_3P = (1 - joint) * paint_3P + joint * between
    cells = len(grain_GG)
    grain = grain_GG[(z_P / 6 * cells).astype(int) % cells, (x_P / 6 * cells).astype(int) % cells]
    return np.asarray((paint_3P * (0.82 + 0.30 * grain)).T, np.float32)


def _joint(x: F32, size: float, spread: F32) -> F32:
    """Share of a joint, JOINT to either side of every multiple of `size`, in an interval around x."""
    edge = np.abs(x / size - np.rint(x / size)) * size
    wide = np.maximum(spread, np.float32(1e-9))
    return np.clip(np.minimum((JOINT - edge) / wide + 0.5, 2 * JOINT / wide), 0, 1).astype(np.float32)


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
