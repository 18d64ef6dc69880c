"""The images as the page shows them: upright JPEG files, and thumbnails for lists."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from models.arrays import U8
from models.files.jpeg_image import jpeg_of
from stages.annotations.image_folders import read_rgb
from stages.studio.bounded_cache import BoundedCache

JPEG_QUALITY = 95
THUMBNAIL = 120
"""Pixels of a thumbnail's longer side."""
CACHE_BYTES = 192 * 2**20
"""Memory for images: five images of 12 megapixels."""
THUMBNAIL_CACHE_BYTES = 32 * 2**20
"""Memory for thumbnails: some thousands."""


class PageImages:
    """Reads images by name; the last ones are cached."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = files
        self._known: BoundedCache[U8] = BoundedCache(CACHE_BYTES, lambda rgb_HW3: rgb_HW3.nbytes)
        self._small: BoundedCache[bytes] = BoundedCache(THUMBNAIL_CACHE_BYTES, len)

    def rgb(self, name: str) -> U8:
        """An image, RGB uint8 (H, W, 3). Raises: StageError."""
        return self._known.get(name, lambda: read_rgb(self._files[name]))

    def jpeg(self, name: str) -> bytes:
        """An image as JPEG. Raises: StageError."""
        return jpeg_of(self.rgb(name), JPEG_QUALITY)

    def thumbnail(self, name: str) -> bytes:
        """A thumbnail as JPEG. Raises: StageError."""
        return self._small.get(name, lambda: self._thumbnail(name))

    def _thumbnail(self, name: str) -> bytes:
        rgb_HW3 = read_rgb(self._files[name])
        scale = THUMBNAIL / max(rgb_HW3.shape[:2])
        small_HW3 = np.asarray(cv2.resize(rgb_HW3, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        return jpeg_of(small_HW3, 80)
