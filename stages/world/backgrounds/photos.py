"""A user's images behind people: a random crop of one, or in clips one on a plane far behind people."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from models.arrays import F32, U8
from models.files.image_size import read_pixels
from models.surface.raster import Camera
from pipeline.stage import StageError
from stages.world.backgrounds.environment import FLOOR, SKY, Prospect, pixel_rays, upright

Picture = str | Path | U8


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


Rng = np.random.Generator

BEYOND = 1.3
"""How much larger than a resting camera's view the picture is; beyond it, it is mirrored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """A picture (H, W, 3) in 0..1 at z = −`back`; its upper left corner is at x = `left`, y = `top`, metres.

    `texel`: metres a pixel of it. It has no floor of its own: shadows fall on it as if it were one.
    """

    picture_HW3: F32
    back: float
    left: float
    top: float
    texel: float

    def struck(self, eye_3: F32, ray_N3: F32) -> tuple[F32, U8]:
        """As `Place` says."""
        length = upright(eye_3, ray_N3, -self.back).astype(np.float32)
        return length, np.where(np.isfinite(length), FLOOR, SKY).astype(np.uint8)

    def paint(self, view: Prospect, spread: float) -> F32:
        """As `Place` says; the picture's own pixels are as large as those of a resting camera."""
        x, y = (view.eye_3[axis] + view.depth_HW * view.ray_HW3[..., axis] for axis in (0, 1))
        column, row = ((x - self.left) / self.texel - 0.5, (self.top - y) / self.texel - 0.5)
        seen = cv2.remap(
            self.picture_HW3,
            column.astype(np.float32),
            row.astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        return np.asarray(seen, np.float32)

    def may_hide(self, point_HW3: F32) -> npt.NDArray[np.bool_]:
        """Nothing: a plane hides none of itself."""
        return np.zeros(point_HW3.shape[:-1], bool)


def hung(rng: Rng, picture: Picture, base: Camera, back: float) -> Canvas:
    """A window of a picture behind everybody, a little larger than what the resting camera sees there.

    Raises StageError when a file is not a picture.
    """
    height, width = round(BEYOND * base.height), round(BEYOND * base.width)
    eye, ray_HW3 = pixel_rays(base)
    middle = ray_HW3[base.height // 2, base.width // 2]
    far = float(upright(eye, middle, -back))
    texel = far / base.focal
    return Canvas(
        picture_HW3=window(rng, picture, height, width),
        back=back,
        texel=texel,
        left=float(eye[0] + far * middle[0]) - 0.5 * width * texel,
        top=float(eye[1] + far * middle[1]) + 0.5 * height * texel,
    )
