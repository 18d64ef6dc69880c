"""A pinhole camera that is known by its focal length and principal point.

Pixels: x right, y down, pixel (0, 0) covers [0, 1) × [0, 1). Axes of the camera: x right, y down, z forward, metres.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from models.arrays import F32, Float
from models.errors import ModelError

DEFAULT_FIELD = math.radians(60)
"""Field of view of the larger side of an image whose focal length is unknown."""
FILM_DIAGONAL_MM = math.hypot(36, 24)
"""Diagonal of a frame of 35 mm film, to which equivalent focal lengths refer (CIPA DCG-001)."""
FOCAL_LENGTH, FOCAL_LENGTH_35MM = 0x920A, 0xA405
RESOLUTION_X, RESOLUTION_UNIT = 0xA20E, 0xA210
PIXELS_X, PIXELS_Y = 0xA002, 0xA003
"""Tags of EXIF (CIPA DC-008): focal lengths in mm, pixels of the sensor per unit, size of the photo before edits."""
MM_PER_UNIT = {2: 25.4, 3: 10.0}
"""Millimetres of the units that `RESOLUTION_UNIT` can state: inch and centimetre."""
CROPPED = 0.02
"""A photo counts as cropped if its aspect differs from that before edits by a larger share."""
WIDEST, NARROWEST = math.radians(150), math.radians(2)
"""A stated focal length counts as wrong if the larger side's field of view is outside of these angles."""
NEAR = 0.05
"""Smallest depth in metres for projections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PinholeCamera:
    """A camera without distortion.

    Attributes:
        focal_px: focal length in pixels.
        center_2: principal point in pixels.
    """

    focal_px: float
    center_2: F32

    def __post_init__(self) -> None:
        if not (math.isfinite(self.focal_px) and self.focal_px > 0 and np.isfinite(self.center_2).all()):
            raise ModelError(f"a focal length of {self.focal_px} pixels is impossible", "", "give a positive number")

    def project(self, point_N3: Float) -> F32:
        """Pixels (N, 2) of points in the camera's axes. A depth below `NEAR` counts as `NEAR`."""
        depth_N1 = np.maximum(point_N3[:, 2:], NEAR)
        return (point_N3[:, :2] / depth_N1 * self.focal_px + self.center_2).astype(np.float32)

    def rays(self, xy_N2: Float) -> F32:
        """Directions (N, 3) of the rays through pixels, with z = 1."""
        flat_N2 = (xy_N2 - self.center_2) / self.focal_px
        return np.concatenate([flat_N2, np.ones((len(flat_N2), 1))], axis=1).astype(np.float32)


def default_camera(width: int, height: int) -> PinholeCamera:
    """The camera whose larger side spans `DEFAULT_FIELD`, with the principal point in the middle of the image."""
    return centred_camera(focal_of_field(DEFAULT_FIELD, max(width, height)), width, height)


def focal_of_field(field: float, side: float) -> float:
    """The focal length in pixels with which a side of an image, in pixels, spans a field of view, in radians."""
    return side / 2 / math.tan(field / 2)


def field_of_focal(focal_px: float, side: float) -> float:
    """The field of view, in radians, that a side of an image spans: the inverse of `focal_of_field`."""
    return 2 * math.atan(side / 2 / focal_px)


def centred_camera(focal_px: float, width: int, height: int) -> PinholeCamera:
    """A camera with the principal point in the middle of the image. Raises ModelError at an impossible focal length."""
    return PinholeCamera(focal_px=float(focal_px), center_2=np.array([width / 2, height / 2], np.float32))


def exif_camera(tags: Mapping[int, object], width: int, height: int) -> PinholeCamera | None:
    """The camera of a photo from its EXIF tags, or None where they give no plausible focal length.

    The equivalent focal length of 35 mm film is used if it is stated, else the focal length with the sensor's
    resolution. A cropped photo gives None.

    Args:
        tags: the tags of the EXIF directory, by number, as Pillow's `getexif().get_ifd(0x8769)` gives them.
        width, height: pixels of the photo, upright or not.
    """
    larger, smaller = max(width, height), min(width, height)
    taken = sorted((_number(tags, PIXELS_X), _number(tags, PIXELS_Y)))
    if taken[0] > 0 and abs(taken[1] / taken[0] * smaller / larger - 1) > CROPPED:
        return None
    focal_px = _number(tags, FOCAL_LENGTH_35MM) / FILM_DIAGONAL_MM * math.hypot(width, height)
    if focal_px <= 0 and taken[0] > 0:
        unit = MM_PER_UNIT.get(int(_number(tags, RESOLUTION_UNIT)) or 2, 25.4)
        focal_px = _number(tags, FOCAL_LENGTH) * _number(tags, RESOLUTION_X) / unit * larger / taken[1]
    if focal_px <= 0 or not NARROWEST < field_of_focal(focal_px, larger) < WIDEST:
        return None
    return centred_camera(focal_px, width, height)


def _number(tags: Mapping[int, object], tag: int) -> float:
    """A tag as a finite number; 0 without it and for anything else."""
    try:
        number = float(tags.get(tag, 0))  # type: ignore[arg-type]
    except (TypeError, ValueError, ZeroDivisionError):
        return 0.0
    return number if math.isfinite(number) else 0.0
