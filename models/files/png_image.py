"""RGB images as PNG, for the files that the product writes beside its results."""

from __future__ import annotations

import cv2

from models.arrays import U8


def png_of(rgb_HW3: U8) -> bytes:
    """An RGB image (H, W, 3) uint8 as the bytes of a PNG file.

    >>> import numpy as np
    >>> png_of(np.zeros((2, 3, 3), np.uint8))[1:4]
    b'PNG'
    """
    return cv2.imencode(".png", rgb_HW3[..., ::-1])[1].tobytes()
