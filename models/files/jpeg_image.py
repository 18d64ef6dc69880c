"""RGB images as JPEG."""

from __future__ import annotations

import cv2
import numpy as np

from models.arrays import U8


def jpeg_of(rgb_HW3: U8, quality: int, max_size: int | None = None) -> bytes:
    """An image as JPEG of a quality of 0..100, scaled down so that its longest side has at most `max_size` pixels."""
    height, width = rgb_HW3.shape[:2]
    scale = 1.0 if max_size is None else min(1.0, max_size / max(height, width))
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        rgb_HW3 = np.asarray(cv2.resize(rgb_HW3, size, interpolation=cv2.INTER_AREA), np.uint8)
    bgr_HW3 = cv2.cvtColor(rgb_HW3, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr_HW3, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return bytes(data)
