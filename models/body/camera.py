"""A pinhole camera that is known by its focal length and principal point.

Pixels: x right, y down, pixel (0, 0) covers [0, 1) × [0, 1). Axes of the camera: x right, y down, z forward, metres.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from models.arrays import F32, Float
from models.errors import ModelError

DEFAULT_FIELD = math.radians(60)
"""Angle that the larger side of an image spans, where nothing tells the focal length."""
NEAR = 0.05
"""Least depth in metres with which points are projected."""


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
        """The points at depth 1 (N, 3) that pixels show."""
        flat_N2 = (xy_N2 - self.center_2) / self.focal_px
        return np.concatenate([flat_N2, np.ones((len(flat_N2), 1))], axis=1).astype(np.float32)


def default_camera(width: int, height: int) -> PinholeCamera:
    """The camera whose larger side spans `DEFAULT_FIELD`, with the principal point in the middle of the image."""
    return centred_camera(max(width, height) / 2 / math.tan(DEFAULT_FIELD / 2), width, height)


def centred_camera(focal_px: float, width: int, height: int) -> PinholeCamera:
    """A camera with the principal point in the middle of the image. Raises ModelError at an impossible focal length."""
    return PinholeCamera(focal_px=float(focal_px), center_2=np.array([width / 2, height / 2], np.float32))
