"""The affine map between an image and a small upright image of a rotated square of it."""

from __future__ import annotations

import numpy as np

from models.arrays import F64, Float


def map_points(point_2: Float, matrix_23: Float) -> F64:
    """Points (..., 2) in pixels of one image as pixels of another, by the affine map between their pixel indices."""
    return (point_2 - 0.5) @ matrix_23[:, :2].T + matrix_23[:, 2] + 0.5


def rotated_square(centre_2: Float, half: float, angle: float, side: int) -> F64:
    """The affine map (2,3) from pixel indices of a square image of `side` pixels to pixel indices of the large image.

    Args:
        centre_2: x, y of the square's centre in pixels of the large image (the centre of its first pixel is at 0.5).
        half: half of the square's side in pixels of the large image.
        angle: radians, clockwise in the image, by which the square is rotated.
        side: pixels of the small image's sides.
    """
    rotation_22 = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    axes_22 = rotation_22 * (2 * half / side)
    corner_2 = centre_2 - rotation_22 @ (half, half)
    return np.column_stack([axes_22, corner_2 + axes_22 @ (0.5, 0.5) - 0.5])
