"""The images of a studio as the page shows them: upright, as JPEG, and small ones for lists."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from models.arrays import U8
from stages.annotations.image_folders import read_rgb
from stages.live.latest_frame import encode_jpeg

JPEG_QUALITY = 95
THUMBNAIL = 120
"""Pixels of the longer side of an image in the list of images."""
KEPT_IMAGES = 4
"""Decoded images that stay in memory."""


class ShownImages:
    """Reads images by name; the last ones stay in memory."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = files
        self.rgb = lru_cache(maxsize=KEPT_IMAGES)(self._read)

    def jpeg(self, name: str) -> bytes:
        """An image. Raises: StageError."""
        return encode_jpeg(self.rgb(name), JPEG_QUALITY, None)

    def thumbnail(self, name: str) -> bytes:
        """A small image. Raises: StageError."""
        rgb_HW3 = self._read(name)
        scale = THUMBNAIL / max(rgb_HW3.shape[:2])
        small_HW3 = np.asarray(cv2.resize(rgb_HW3, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        return encode_jpeg(small_HW3, 80, None)

    def _read(self, name: str) -> U8:
        return read_rgb(self._files[name])
