"""What stands behind people, and what hides them: procedural pictures, or windows of a user's images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from models.arrays import F32, U8
from models.files.picture_size import read_pixels
from pipeline.stage import StageError
from stages.world.clothes.wardrobe import color

Rng = np.random.Generator
Picture = str | Path | U8


@dataclass(frozen=True, slots=True, kw_only=True)
class Backdrop:
    """What stands behind people: a picture in 0..1 and its depth in metres, infinite where it is only a picture."""

    picture_HW3: F32
    depth_HW: F32


def flat(picture_HW3: F32) -> Backdrop:
    """A picture that is no place in space."""
    return Backdrop(picture_HW3=picture_HW3, depth_HW=np.full(picture_HW3.shape[:2], np.inf, np.float32))


def noise(rng: Rng, height: int, width: int, *, coarsest: int = 3, octaves: int = 4) -> F32:
    """Smooth noise in 0..1, (H, W): random grids of growing fineness, enlarged and added."""
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        cells = coarsest * 2**octave
        grid = rng.random((cells, max(2, cells * width // height)), dtype=np.float32)
        total += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) * 0.5**octave
    low, high = float(total.min()), float(total.max())
    return (total - low) / max(high - low, 1e-6)


def clouds(rng: Rng, height: int, width: int) -> F32:
    """Two to three colours mixed by noise."""
    picture = _mixed(color(rng), color(rng), noise(rng, height, width, coarsest=int(rng.integers(2, 6))))
    if rng.random() < 0.5:
        share = noise(rng, height, width, coarsest=int(rng.integers(4, 16)), octaves=3)
        picture = picture + (np.clip(share * 4 - 2.4, 0, 1)[..., None]) * (color(rng) - picture)
    return picture


def _mixed(first_3: F32, second_3: F32, share_HW: F32) -> F32:
    return first_3 + share_HW[..., None] * (second_3 - first_3)


def room(rng: Rng, height: int, width: int) -> F32:
    """A wall, a floor with boards or tiles, things standing about."""
    horizon = int(height * rng.uniform(0.3, 0.8))
    picture = np.empty((height, width, 3), np.float32)
    grain = noise(rng, height, width, coarsest=4)
    wall, floor = color(rng), color(rng)
    picture[:horizon] = _mixed(wall, wall * rng.uniform(0.6, 1.0), grain[:horizon])
    picture[horizon:] = _mixed(floor, floor * rng.uniform(0.5, 1.0), grain[horizon:])
    if rng.random() < 0.6 and horizon < height - 4:
        depth = 1 / np.linspace(0.08, 1, height - horizon, dtype=np.float32)[:, None]
        across = (np.arange(width, dtype=np.float32)[None] / width - rng.random()) * depth * rng.uniform(4, 14)
        along = depth * rng.uniform(3, 10)
        crossed = (np.abs(np.mod(along, 1) - 0.5) > 0.47) & (rng.random() < 0.6)
        line = (np.abs(np.mod(across, 1) - 0.5) > 0.46) | crossed
        picture[horizon:] *= np.where(line, 0.7, 1.0)[..., None]
    return _clutter(rng, picture, int(rng.integers(2, 10)), base=horizon)


def street(rng: Rng, height: int, width: int) -> F32:
    """Sky over ground with blocks along the horizon."""
    horizon = int(height * rng.uniform(0.35, 0.65))
    picture = np.empty((height, width, 3), np.float32)
    fade = np.linspace(0, 1, height, dtype=np.float32)[:, None] * np.ones((1, width), np.float32)
    sky = np.array([0.55, 0.7, 0.9], np.float32) * rng.uniform(0.5, 1.15)
    picture[:] = _mixed(sky, np.ones(3, np.float32) * 0.9, fade)
    ground = color(rng)
    share = noise(rng, height, width, coarsest=8)
    picture[horizon:] = _mixed(ground * 0.7, ground, share[horizon:])
    return _clutter(rng, picture, int(rng.integers(4, 16)), base=horizon)


def _clutter(rng: Rng, picture: F32, count: int, *, base: int) -> F32:
    """Boxes, discs and poles, lit from one side."""
    height, width = picture.shape[:2]
    for _ in range(count):
        x, tint = int(rng.integers(-20, width)), color(rng)
        w, h = int(width * rng.uniform(0.02, 0.35)), int(height * rng.uniform(0.05, 0.6))
        foot = base + int(rng.normal(0.04, 0.1) * height)
        shape = rng.integers(4)
        if shape <= 1:
            cv2.rectangle(picture, (x, foot - h), (x + w, foot), tint.tolist(), -1)
            cv2.rectangle(picture, (x + w // 2, foot - h), (x + w, foot), (tint * 0.8).tolist(), -1)
            if rng.random() < 0.5 and w > 12:
                for line in range(foot - h + 4, foot, max(4, h // 6)):
                    cv2.line(picture, (x, line), (x + w, line), (tint * 0.6).tolist(), 1)
        elif shape == 2:
            axes, tilt = (max(2, w // 2), max(2, h // 3)), float(rng.uniform(0, 180))
            cv2.ellipse(picture, (x, foot - h // 2), axes, tilt, 0, 360, tint.tolist(), -1)
        else:
            end = (x + int(rng.normal(0, 15)), foot + h // 3)
            cv2.line(picture, (x, foot - h), end, tint.tolist(), max(1, w // 10))
    return picture


def clutter(rng: Rng, height: int, width: int) -> F32:
    """Many overlapping shapes on noise: hard edges everywhere, also at the scale of limbs."""
    picture = clouds(rng, height, width)
    for _ in range(int(rng.integers(10, 45))):
        corners = rng.normal(0, rng.uniform(6, 60), (int(rng.integers(3, 7)), 2))
        points = [(rng.uniform(-0.1, 1.1, 2) * [width, height] + corners).astype(np.int32)]
        tint = color(rng)
        if rng.random() < 0.35:
            cv2.polylines(picture, points, False, tint.tolist(), int(rng.integers(1, 14)), cv2.LINE_AA)
        else:
            cv2.fillPoly(picture, points, tint.tolist(), cv2.LINE_AA)
    return picture


BACKDROPS: dict[str, Callable[[Rng, int, int], F32]] = {
    "clouds": clouds, "room": room, "street": street, "clutter": clutter,
}
"""Procedural backgrounds by name: (rng, height, width) → (H, W, 3) in 0..1."""


def window(rng: Rng, picture: Picture, height: int, width: int) -> F32:
    """A random window of a picture, enlarged to (H, W, 3) in 0..1, flipped half the time.

    Raises StageError when a file is not a picture.
    """
    rgb = picture if isinstance(picture, np.ndarray) else _read(str(picture))
    share = rng.uniform(0.35, 1.0)
    h = max(8, int(min(rgb.shape[0], rgb.shape[1] * height / width) * share))
    w = max(8, min(rgb.shape[1], h * width // height))
    y, x = int(rng.integers(0, rgb.shape[0] - h + 1)), int(rng.integers(0, rgb.shape[1] - w + 1))
    cut = rgb[y : y + h, x : x + w]
    if rng.random() < 0.5:
        cut = cut[:, ::-1]
    way = cv2.INTER_AREA if h > height else cv2.INTER_LINEAR
    sized = np.asarray(cv2.resize(np.ascontiguousarray(cut), (width, height), interpolation=way), np.float32)
    return sized * np.float32(1 / 255)


@lru_cache(maxsize=64)
def _read(path: str) -> U8:
    bgr = read_pixels(path)
    if bgr is None:
        raise StageError("a background cannot be read as a picture", path, "take it out of the backgrounds")
    largest = max(bgr.shape[:2])
    if largest > 900:
        bgr = cv2.resize(bgr, None, fx=900 / largest, fy=900 / largest, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(bgr[:, :, ::-1])


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
