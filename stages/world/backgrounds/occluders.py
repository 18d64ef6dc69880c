"""Occluders in front of people: in images painted shapes, in clips flat posts, counters and fences in space."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from models.arrays import F32, U8, Bool
from stages.world.backgrounds.environment import OCCLUDER, Environment, EnvironmentView, distance_to_upright_plane
from stages.world.backgrounds.floor_and_wall import tiled_colors
from stages.world.backgrounds.painted import clouds, noise
from stages.world.clothes.patterns import random_color

Rng = np.random.Generator


def painted_occluder(rng: Rng, height: int, width: int, box_4: npt.ArrayLike) -> tuple[Bool, F32]:
    """A random shape in front of the person in `box_4`: its mask (H, W) and its colours (H, W, 3)."""
    x0, y0, x1, y1 = (float(v) for v in np.asarray(box_4))
    mask = np.zeros((height, width), np.uint8)
    center = np.array([rng.uniform(x0, x1), rng.uniform(y0 + 0.2 * (y1 - y0), y1)])
    size = max(6.0, float(rng.uniform(0.10, 0.45)) * max(y1 - y0, x1 - x0))
    kind = rng.integers(3)
    if kind == 0:
        points = center + rng.normal(0, size / 2, (int(rng.integers(3, 8)), 2))
        cv2.fillPoly(mask, [cv2.convexHull(points.astype(np.int32))], 1)
    elif kind == 1:
        cv2.ellipse(
            mask, (int(center[0]), int(center[1])), (int(size / 2) + 1, int(size * rng.uniform(0.2, 0.6)) + 1),
            float(rng.uniform(0, 180)), 0, 360, 1, -1,
        )
    else:
        far = center + rng.normal(0, 1, 2) * [width, height]
        near = center - (far - center)
        cv2.line(mask, tuple(int(v) for v in near), tuple(int(v) for v in far), 1, max(2, int(size * 0.25)))
    return mask.astype(bool), clouds(rng, height, width)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatOccluder:
    """A flat upright occluder on the floor at z, from x = `left` to `right`; metres.

    Attributes:
        slat_spacing, fill: distance of a fence's slats, and the share that they cover; 1 is a closed board.
        colors_33, tile_size: as in `tiled_colors`.
    """

    left: float
    right: float
    height: float
    z: float
    slat_spacing: float
    fill: float
    colors_33: F32
    tile_size: float

    def covers(self, x: F32, y: F32) -> Bool:
        """Whether points of its plane (metres) belong to it."""
        inside = (x >= self.left) & (x <= self.right) & (y >= 0) & (y <= self.height)
        if self.fill < 1:
            inside &= (np.mod(x / self.slat_spacing, 1) < self.fill) | (
                np.abs(y - 0.85 * self.height) < 0.4 * self.slat_spacing
            )
        return np.asarray(inside)


@dataclass(frozen=True, slots=True, kw_only=True)
class OccludedEnvironment:
    """An environment with flat occluders in it; `grain_GG` is the noise on them."""

    environment: Environment
    occluders: tuple[FlatOccluder, ...]
    grain_GG: F32

    def intersect(self, eye_3: F32, ray_N3: F32) -> tuple[F32, U8]:
        """See `Environment`; occluder k is part OCCLUDER + k."""
        length, part = self.environment.intersect(eye_3, ray_N3)
        for k, occluder in enumerate(self.occluders):
            far = distance_to_upright_plane(eye_3, ray_N3, occluder.z)
            reach = np.where(np.isfinite(far), far, 0)
            x, y = (eye_3[axis] + reach * ray_N3[..., axis] for axis in (0, 1))
            nearer = (far < length) & (far > 0) & occluder.covers(x, y)
            length = np.where(nearer, far, length).astype(np.float32)
            part = np.where(nearer, OCCLUDER + k, part).astype(np.uint8)
        return length, part

    def paint(self, view: EnvironmentView, spread: float) -> F32:
        """See `Environment`."""
        image_HW3 = self.environment.paint(view, spread)
        image, ray, depth = image_HW3.reshape(-1, 3), view.ray_HW3.reshape(-1, 3), view.depth_HW.reshape(-1)
        for k, occluder in enumerate(self.occluders):
            mine = view.pixels_of(OCCLUDER + k)
            far = depth[mine]
            x, y = (view.eye_3[axis] + far * ray[mine, axis] for axis in (0, 1))
            wide = np.float32(spread / view.camera.focal) * far
            image[mine] = tiled_colors(
                self.grain_GG, x - occluder.left, y, occluder.tile_size, occluder.colors_33, (wide, wide)
            )
        return image_HW3

    def may_occlude_itself(self, point_HW3: F32) -> Bool:
        """Points behind the nearest occluder, and those that the environment itself may hide."""
        first = max((occluder.z for occluder in self.occluders), default=-np.inf)
        return np.asarray(self.environment.may_occlude_itself(point_HW3) | (point_HW3[..., 2] < first))


def with_occluders(
    rng: Rng, environment: Environment, count: int, wide: float, z: tuple[float, float]
) -> OccludedEnvironment:
    """The environment with `count` random occluders within `wide` metres in x and a range of z."""
    occluders = tuple(_random_occluder(rng, wide, float(rng.uniform(*z))) for _ in range(count))
    return OccludedEnvironment(
        environment=environment, occluders=occluders, grain_GG=noise(rng, 128, 128, coarsest=5, octaves=4)
    )


def _random_occluder(rng: Rng, wide: float, z: float) -> FlatOccluder:
    """A random post, counter or fence."""
    kind = rng.choice(["post", "counter", "fence"], p=[0.45, 0.3, 0.25])
    half, high = {
        "post": (rng.uniform(0.06, 0.25), rng.uniform(2.2, 5.0)),
        "counter": (rng.uniform(0.3, 0.8), rng.uniform(0.4, 1.1)),
        "fence": (wide, rng.uniform(0.5, 1.2)),
    }[str(kind)]
    middle = float(rng.uniform(-0.35, 0.35)) * wide
    paint = random_color(rng) * 0.7 + 0.1
    return FlatOccluder(
        left=middle - float(half),
        right=middle + float(half),
        height=float(high),
        z=z,
        slat_spacing=float(rng.uniform(0.09, 0.2)),
        fill=float(rng.uniform(0.25, 0.5)) if kind == "fence" else 1.0,
        colors_33=np.stack([paint, paint * rng.uniform(0.7, 0.98), paint * 0.6]).astype(np.float32),
        tile_size=float(rng.uniform(0.15, 0.8)),
    )
