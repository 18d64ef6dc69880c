"""An environment with a tiled floor, a brick wall and a sky."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.arrays import F32, U8, Bool
from stages.world.backgrounds.environment import FLOOR, SKY, WALL, EnvironmentView, distance_to_upright_plane
from stages.world.backgrounds.painted import noise
from stages.world.clothes.patterns import random_color

Rng = np.random.Generator

FLOOR_END = 80.0
"""Distance at which the floor ends, metres."""

JOINT = 0.008
"""Half the width of the joints between tiles or bricks, metres."""


def tiled_colors(grain_GG: F32, x_P: F32, z_P: F32, size: float, colors_33: F32, spread: tuple[F32, F32]) -> F32:
    """Colours (P, 3) of tiles with joints and noise, at points of a plane (metres).

    Args:
        grain_GG: noise in 0..1, repeated every 6 m.
        size: of a tile, metres.
        colors_33: rows are two colours of tiles and the colour of joints.
        spread: metres in both directions over which joints are averaged.
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
    """Share of an interval of length `spread` around x that joints cover; joints are at multiples of `size`."""
    edge = np.abs(x / size - np.rint(x / size)) * size
    wide = np.maximum(spread, np.float32(1e-9))
    return np.clip(np.minimum((JOINT - edge) / wide + 0.5, 2 * JOINT / wide), 0, 1).astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorAndWall:
    """A floor at y = 0, a wall at z = −`wall_z` and a sky; metres.

    Attributes:
        wall_z, wall_y: distance and height of the wall.
        floor_33, wall_33: rows are two colours of tiles and the colour of joints.
        tile_size, brick_size: edge lengths.
        sky_23: colours at the horizon and at the zenith.
        grain_GG: noise in 0..1 on floor and wall, repeated every 6 m.
    """

    wall_z: float
    wall_y: float
    floor_33: F32
    wall_33: F32
    tile_size: float
    brick_size: float
    sky_23: F32
    grain_GG: F32

    def intersect(self, eye_3: F32, ray_N3: F32) -> tuple[F32, U8]:
        """See `Environment`."""
        with np.errstate(divide="ignore", invalid="ignore"):
            to_floor = np.where(ray_N3[..., 1] < -1e-4, -eye_3[1] / ray_N3[..., 1], np.inf)
        to_wall = distance_to_upright_plane(eye_3, ray_N3, -self.wall_z)
        wall_y = eye_3[1] + np.where(np.isfinite(to_wall), to_wall, 0) * ray_N3[..., 1]
        on_wall = (to_wall < to_floor) & np.isfinite(to_wall) & (wall_y < self.wall_y)
        on_floor = ~on_wall & (to_floor < FLOOR_END)
        length = np.where(on_wall, to_wall, np.where(on_floor, to_floor, np.inf)).astype(np.float32)
        return length, (SKY + (FLOOR - SKY) * on_floor + (WALL - SKY) * on_wall).astype(np.uint8)

    def paint(self, view: EnvironmentView, spread: float) -> F32:
        """See `Environment`."""
        image_HW3 = np.empty_like(view.ray_HW3)
        image, ray, depth = image_HW3.reshape(-1, 3), view.ray_HW3.reshape(-1, 3), view.depth_HW.reshape(-1)
        sky, floor, wall = (view.pixels_of(part) for part in (SKY, FLOOR, WALL))
        height = np.clip(ray[sky, 1] / 0.6, 0, 1)[:, None]
        image[sky] = self.sky_23[0] + height * (self.sky_23[1] - self.sky_23[0])
        far, (right, down, deep) = depth[floor], ray[floor].T
        wide = np.float32(spread / view.camera.focal) * far
        across, along = view.eye_3[0] + far * right, view.eye_3[2] + far * deep
        widths = (wide, wide - wide / down)
        image[floor] = tiled_colors(self.grain_GG, across, along, self.tile_size, self.floor_33, widths)
        far, (right, down, _) = depth[wall], ray[wall].T
        wide = np.float32(spread / view.camera.focal) * far
        across, high = view.eye_3[0] + far * right, view.eye_3[1] + far * down
        row = np.floor(high / (0.45 * self.brick_size))
        across += 0.5 * self.brick_size * (row % 2)
        image[wall] = tiled_colors(
            self.grain_GG, across, high / 0.45, self.brick_size, self.wall_33, (wide, wide / 0.45)
        )
        return image_HW3

    def may_occlude_itself(self, point_HW3: F32) -> Bool:
        """Points beyond the wall, and the sky; nothing hides the floor before the wall."""
        return np.asarray((point_HW3[..., 2] < -1.001 * self.wall_z) | (np.abs(point_HW3) > FLOOR_END).any(axis=-1))


def random_floor_and_wall(rng: Rng) -> FloorAndWall:
    """A floor and wall of random sizes and colours."""
    floor, wall = random_color(rng) * 0.5 + 0.3, random_color(rng) * 0.6 + 0.25
    return FloorAndWall(
        wall_z=float(rng.uniform(4, 9)),
        wall_y=float(rng.uniform(1.2, 6)),
        floor_33=np.stack([floor, floor * rng.uniform(0.75, 0.98), floor * 0.6]).astype(np.float32),
        wall_33=np.stack([wall, wall * rng.uniform(0.8, 0.98), wall * 0.7]).astype(np.float32),
        tile_size=float(rng.uniform(0.4, 1.4)),
        brick_size=float(rng.uniform(0.25, 1.2)),
        sky_23=np.array([[0.86, 0.90, 0.94], [0.42, 0.62, 0.88]], np.float32) * np.float32(rng.uniform(0.75, 1.05)),
        grain_GG=noise(rng, 256, 256, coarsest=6, octaves=5),
    )
