"""Occluders before people: painted shapes in images; flat posts, counters and fences in space in clips."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from models.arrays import F32, U8
from stages.world.backgrounds.environment import FRONT, Place, Prospect, upright
from stages.world.backgrounds.floor_and_wall import paved
from stages.world.backgrounds.painted import clouds, noise
from stages.world.clothes.patterns import color


def occluder(rng: Rng, height: int, width: int, box_4: npt.ArrayLike) -> tuple[npt.NDArray[np.bool_], F32]:
    """Something in front of the person in `box_4`: its mask (H, W) and its colours (H, W, 3)."""
    x0, y0, x1, y1 = (float(v) for v in np.asarray(box_4))
    mask = np.zeros((height, width), np.uint8)
    center = np.array([rng.uniform(x0, x1), rng.uniform(y0 + 0.2 * (y1 - y0), y1)])
    size = max(6.0, float(rng.uniform(0.10, 0.45)) * max(y1 - y0, x1 - x0))
    kind = rng.integers(3)
    if kind == 0:
        points = center + rng.normal(0, size / 2, (int(rng.integers(3, 8)), 2))
        cv2.fillPoly(mask, [cv2.convexHull(points.astype(np.int32))], 1)
    elif kind == 1:
        cv2.ellipse(mask, (int(center[0]), int(center[1])), (int(size / 2) + 1, int(size * rng.uniform(0.2, 0.6)) + 1),
                    float(rng.uniform(0, 180)), 0, 360, 1, -1)
    else:
        far = center + rng.normal(0, 1, 2) * [width, height]
        near = center - (far - center)
        cv2.line(mask, tuple(int(v) for v in near), tuple(int(v) for v in far), 1, max(2, int(size * 0.25)))
    return mask.astype(bool), clouds(rng, height, width)


Rng = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Something flat that stands on the floor at z, from `left` to `right` and so high (metres).

    Attributes:
        slat, share: of a fence the distance of its slats (metres) and how much of it they fill; share 1 is a board.
        colors_33, tile: paint, as of a floor.
    """

    left: float
    right: float
    high: float
    z: float
    slat: float
    share: float
    colors_33: F32
    tile: float

    def covers(self, x: F32, y: F32) -> npt.NDArray[np.bool_]:
        """Whether places on its plane (metres) belong to it."""
        inside = (x >= self.left) & (x <= self.right) & (y >= 0) & (y <= self.high)
        if self.share < 1:
            inside &= (np.mod(x / self.slat, 1) < self.share) | (np.abs(y - 0.85 * self.high) < 0.4 * self.slat)
        return np.asarray(inside)


@dataclass(frozen=True, slots=True, kw_only=True)
class Furnished:
    """A place with boards in it; `grain_GG` weathers them."""

    place: Place
    boards: tuple[Board, ...]
    grain_GG: F32

    def struck(self, eye_3: F32, ray_N3: F32) -> tuple[F32, U8]:
        """As `Place` says; board k is part FRONT + k."""
        length, part = self.place.struck(eye_3, ray_N3)
        for k, board in enumerate(self.boards):
            far = upright(eye_3, ray_N3, board.z)
            reach = np.where(np.isfinite(far), far, 0)
            x, y = (eye_3[axis] + reach * ray_N3[..., axis] for axis in (0, 1))
            nearer = (far < length) & (far > 0) & board.covers(x, y)
            length = np.where(nearer, far, length).astype(np.float32)
            part = np.where(nearer, FRONT + k, part).astype(np.uint8)
        return length, part

    def paint(self, view: Prospect, spread: float) -> F32:
        """As `Place` says."""
        picture_HW3 = self.place.paint(view, spread)
        picture, ray, depth = picture_HW3.reshape(-1, 3), view.ray_HW3.reshape(-1, 3), view.depth_HW.reshape(-1)
        for k, board in enumerate(self.boards):
            mine = view.of_part(FRONT + k)
            far = depth[mine]
            x, y = (view.eye_3[axis] + far * ray[mine, axis] for axis in (0, 1))
            wide = np.float32(spread / view.camera.focal) * far
            picture[mine] = paved(self.grain_GG, x - board.left, y, board.tile, board.colors_33, (wide, wide))
        return picture_HW3

    def may_hide(self, point_HW3: F32) -> npt.NDArray[np.bool_]:
        """What is behind the first board, and what the place itself may hide."""
        first = max((board.z for board in self.boards), default=-np.inf)
        return np.asarray(self.place.may_hide(point_HW3) | (point_HW3[..., 2] < first))


def furnished(rng: Rng, place: Place, count: int, wide: float, z: tuple[float, float]) -> Furnished:
    """The place with `count` things in it, within `wide` metres (seen at z = 0) and this range of z."""
    boards = tuple(_board(rng, wide, float(rng.uniform(*z))) for _ in range(count))
    return Furnished(place=place, boards=boards, grain_GG=noise(rng, 128, 128, coarsest=5, octaves=4))


def _board(rng: Rng, wide: float, z: float) -> Board:
    """A post, a counter or a fence."""
    kind = rng.choice(["post", "counter", "fence"], p=[0.45, 0.3, 0.25])
    half, high = {
        "post": (rng.uniform(0.06, 0.25), rng.uniform(2.2, 5.0)),
        "counter": (rng.uniform(0.3, 0.8), rng.uniform(0.4, 1.1)),
        "fence": (wide, rng.uniform(0.5, 1.2)),
    }[str(kind)]
    middle = float(rng.uniform(-0.35, 0.35)) * wide
    paint = color(rng) * 0.7 + 0.1
    return Board(
        left=middle - float(half),
        right=middle + float(half),
        high=float(high),
        z=z,
        slat=float(rng.uniform(0.09, 0.2)),
        share=float(rng.uniform(0.25, 0.5)) if kind == "fence" else 1.0,
        colors_33=np.stack([paint, paint * rng.uniform(0.7, 0.98), paint * 0.6]).astype(np.float32),
        tile=float(rng.uniform(0.15, 0.8)),
    )
