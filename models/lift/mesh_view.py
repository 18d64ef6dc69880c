"""The view of a person's box: the axes in which the lift predicts a body, and the lift's inputs about the box."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.arrays import F32, F64, Float
from models.body.camera import PinholeCamera
from models.body.rotation_vectors import shortest_rotation

MARGIN = 1.15
"""Sides of the view's box, relative to the smallest box around the visible vertices."""
MIN_ASPECT = 0.5
"""Minimum of the box's shorter side, relative to its longer side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshView:
    """A box of a frame, stretched to a square around 0 with sides of 1.

    Attributes:
        middle_2, side_2: middle and sides of the box, pixels.
        turn_33: rotation from the camera's axes to those of the view. The view's z is the ray through the box's middle.
        number_2: the logarithms of width by height, and of height by focal length.
    """

    middle_2: F64
    side_2: F64
    turn_33: F64
    number_2: F32

    @classmethod
    def around(cls, pixel_M2: Float, camera: PinholeCamera) -> MeshView:
        """The view of the box around image points."""
        low_2, high_2 = pixel_M2.min(axis=0).astype(np.float64), pixel_M2.max(axis=0).astype(np.float64)
        side_2 = np.maximum((high_2 - low_2) * MARGIN, 1e-3)
        side_2 = np.maximum(side_2, MIN_ASPECT * side_2.max())
        middle_2 = (low_2 + high_2) / 2
        ray_3 = np.array([*(middle_2 - camera.center_2) / camera.focal_px, 1.0])
        return cls(
            middle_2=middle_2, side_2=side_2, turn_33=shortest_rotation(ray_3, np.array([0.0, 0, 1])),
            number_2=np.log([side_2[0] / side_2[1], side_2[1] / camera.focal_px]).astype(np.float32),
        )

    def in_square(self, pixel_M2: Float) -> F64:
        """Image points in the square of the view: −0.5 to 0.5 inside the box."""
        return np.asarray((pixel_M2 - self.middle_2) / self.side_2, np.float64)
