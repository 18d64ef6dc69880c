"""A user's images as backgrounds: a random crop of an image, or in clips an image on a plane far behind the people."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from models.arrays import F32, U8, Bool
from models.files.image_size import read_pixels
from models.surface.raster import Camera
from pipeline.stage import StageError
from stages.world.backgrounds.environment import FLOOR, SKY, EnvironmentView, distance_to_upright_plane, pixel_rays

Rng = np.random.Generator

MARGIN = 1.3
"""Size of the image relative to the view of the camera at rest; outside it, the image is mirrored."""

ImageSource = str | Path | U8


def random_crop_of(rng: Rng, image: ImageSource, height: int, width: int) -> F32:
    """A random crop of an image, resized to (H, W, 3) in 0..1, flipped half the time.

    Raises StageError when a file is not an image.
    """
    rgb = image if isinstance(image, np.ndarray) else _read(str(image))
    share = rng.uniform(0.35, 1.0)
    h = max(8, int(min(rgb.shape[0], rgb.shape[1] * height / width) * share))
    w = max(8, min(rgb.shape[1], h * width // height))
    y, x = int(rng.integers(0, rgb.shape[0] - h + 1)), int(rng.integers(0, rgb.shape[1] - w + 1))
    cut = rgb[y : y + h, x : x + w]
    if rng.random() < 0.5:
        cut = cut[:, ::-1]
    interpolation = cv2.INTER_AREA if h > height else cv2.INTER_LINEAR
    sized = np.asarray(cv2.resize(np.ascontiguousarray(cut), (width, height), interpolation=interpolation), np.float32)
    return sized * np.float32(1 / 255)


@lru_cache(maxsize=64)
def _read(path: str) -> U8:
    bgr = read_pixels(path)
    if bgr is None:
        raise StageError("a background cannot be read as an image", path, "remove it from the backgrounds")
    largest = max(bgr.shape[:2])
    if largest > 900:
        bgr = cv2.resize(bgr, None, fx=900 / largest, fy=900 / largest, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(bgr[:, :, ::-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoPlane:
    """An environment that is one image (H, W, 3), 0..1, on an upright plane; metres.

    It counts as floor, so people's shadows fall on it.

    Attributes:
        back: the plane is at z = −`back`.
        left, top: x and y of the upper left corner.
        texel: size of an image pixel on the plane.
    """

    image_HW3: F32
    back: float
    left: float
    top: float
    texel: float

    def intersect(self, eye_3: F32, ray_N3: F32) -> tuple[F32, U8]:
        """See `Environment`."""
        length = distance_to_upright_plane(eye_3, ray_N3, -self.back).astype(np.float32)
        return length, np.where(np.isfinite(length), FLOOR, SKY).astype(np.uint8)

    def paint(self, view: EnvironmentView, spread: float) -> F32:
        """See `Environment`; `spread` is not used: pixels of the image are as large as those of the camera at rest."""
        x, y = (view.eye_3[axis] + view.depth_HW * view.ray_HW3[..., axis] for axis in (0, 1))
        column, row = ((x - self.left) / self.texel - 0.5, (self.top - y) / self.texel - 0.5)
        seen = cv2.remap(
            self.image_HW3, column.astype(np.float32), row.astype(np.float32), cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        return np.asarray(seen, np.float32)

    def may_occlude_itself(self, point_HW3: F32) -> Bool:
        """Nothing: a plane does not hide itself."""
        return np.zeros(point_HW3.shape[:-1], bool)


def photo_plane(rng: Rng, image: ImageSource, base: Camera, back: float) -> PhotoPlane:
    """A random crop of an image on a plane at z = −`back`, a little larger than what the camera at rest sees there.

    Raises StageError when a file is not an image.
    """
    height, width = round(MARGIN * base.height), round(MARGIN * base.width)
    eye, ray_HW3 = pixel_rays(base)
    middle = ray_HW3[base.height // 2, base.width // 2]
    far = float(distance_to_upright_plane(eye, middle, -back))
    texel = far / base.focal
    return PhotoPlane(
        image_HW3=random_crop_of(rng, image, height, width), back=back, texel=texel,
        left=float(eye[0] + far * middle[0]) - 0.5 * width * texel,
        top=float(eye[1] + far * middle[1]) + 0.5 * height * texel,
    )
