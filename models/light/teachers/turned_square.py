"""A square of a picture, turned by an angle, as a small upright picture of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[Any]


def moved(point_2: F64, matrix_23: F64) -> F64:
    """Points (..., 2) in pixels of one picture, in pixels of another: by the affine map between their pixel indices."""
    return (point_2 - 0.5) @ matrix_23[:, :2].T + matrix_23[:, 2] + 0.5


def turned_square(centre_2: F64, half: float, angle: float, side: int) -> F64:
    """The affine map (2,3) from pixel indices of a square picture of `side` pixels to those of the picture.

    Args:
        centre_2: x, y of the square's centre in pixels of the picture (the first pixel's centre is at 0.5).
        half: half of the square's side in pixels.
        angle: radians, clockwise as seen, by which the square is turned.
        side: pixels of the small picture's sides.
    """
    turn_22 = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    axes_22 = turn_22 * (2 * half / side)
    corner_2 = centre_2 - turn_22 @ (half, half)
    return np.column_stack([axes_22, corner_2 + axes_22 @ (0.5, 0.5) - 0.5])
