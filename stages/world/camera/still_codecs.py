"""What the codecs of still pictures leave of one."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

from models.arrays import U8

_QUALITY = {".jpg": cv2.IMWRITE_JPEG_QUALITY, ".webp": cv2.IMWRITE_WEBP_QUALITY}


def through_codec(rgb_HW3: U8, kind: Literal[".jpg", ".webp"], quality: int) -> U8:
    """A picture written with losses and read again, with as many pixels; `quality`: 0 to 100, as OpenCV counts it."""
    _, data = cv2.imencode(kind, rgb_HW3, [_QUALITY[kind], quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
