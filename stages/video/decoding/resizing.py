"""Resizing of frames and images."""

from __future__ import annotations

import cv2
import numpy as np

from models.arrays import U8


def size_within(width: int, height: int, longest: int | None) -> tuple[int, int]:
    """Width and height scaled down until the longer side is at most `longest`, with the aspect ratio kept."""
    if longest is None or max(width, height) <= longest:
        return width, height
    scale = longest / max(width, height)
    return max(round(width * scale), 1), max(round(height * scale), 1)


def resize_to(rgb_HW3: U8, size: tuple[int, int]) -> U8:
    """The image at `size` (width, height), by averaging over areas; the same array where it has that size."""
    if rgb_HW3.shape[1::-1] == size:
        return rgb_HW3
    return np.asarray(cv2.resize(rgb_HW3, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
