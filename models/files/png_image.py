"""Images as PNG."""

from __future__ import annotations

import cv2

from models.arrays import Int


def png_of(image: Int) -> bytes:
    """An image as PNG: (H, W, 3) RGB, (H, W, 4) with alpha, or (H, W) grey; 8 or 16 bit.

    >>> import numpy as np
    >>> png_of(np.zeros((2, 3, 3), np.uint8))[1:4]
    b'PNG'
    """
    stored = image[..., ::-1] if image.shape[2:] == (3,) else image[..., [2, 1, 0, 3]] if image.ndim == 3 else image
    return cv2.imencode(".png", stored)[1].tobytes()
