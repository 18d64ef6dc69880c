"""Planes beside a crop that show the surface network where other people are: their boxes, and their silhouettes.

A crop of two people does not say whose surface is wanted. The boxes of the others are known from the detector, and
their silhouettes from a first pass.
"""

from __future__ import annotations

import cv2
import numpy as np

from models.arrays import U8, Float
from models.light.architecture.preprocessing import CROP

SUBPIXEL_BITS = 4
"""Binary digits after the point of the places that OpenCV draws."""


def box_plane(corner_K42: Float, value_K: Float, side: int = CROP) -> U8:
    """A plane (side, side) of 0..255 that shows, at every pixel, the largest value of the boxes over it.

    Args:
        corner_K42: the four corners of each box, x and y in the square crop 0..1; a rotated crop sees rotated boxes.
        value_K: of the boxes, 0..1.
    """
    plane_CC = np.zeros((side, side), np.uint8)
    scale = side * 2**SUBPIXEL_BITS
    for k in np.argsort(value_K, kind="stable"):
        corner_42 = np.clip(corner_K42[k] * scale - 2 ** (SUBPIXEL_BITS - 1), -8 * scale, 8 * scale)
        cv2.fillConvexPoly(
            plane_CC, corner_42.round().astype(np.int32), round(255 * float(value_K[k])), shift=SUBPIXEL_BITS
        )
    return plane_CC


def box_corners(box_K4: Float) -> Float:
    """The corners (K, 4, 2) of boxes x0, y0, x1, y1, in the order of a walk around each box."""
    return box_K4[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
