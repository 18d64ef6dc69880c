"""What the light networks see: frames and crops of people as they enter."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[Any]
U8 = npt.NDArray[Any]

MEAN, STD = 114.0, 58.0
"""Pixels 0..255 enter as (value - MEAN) / STD; MEAN is also the grey of padding."""
GREY = (int(MEAN),) * 3
CROP = 160
"""Pixels of the square crop of a person."""


def fit_size(height: int, width: int, long_sides: tuple[int, int]) -> tuple[int, int]:
    """Height and width of the frame as the detector sees it, before padding to multiples of 32.

    Its longer side is made at least the first of `long_sides`, and at most the second.
    """
    least, most = long_sides
    scale = min(max(max(height, width), least), most) / max(height, width)
    return max(round(height * scale), 1), max(round(width * scale), 1)


def resized(rgb_HW3: U8, width: int, height: int) -> U8:
    """Resize, averaging when the picture shrinks: by halves as far as they go, which is thrice as fast."""
    while _halves(rgb_HW3.shape[1], width) and _halves(rgb_HW3.shape[0], height):
        half = (rgb_HW3.shape[1] // 2, rgb_HW3.shape[0] // 2)
        rgb_HW3 = np.asarray(cv2.resize(rgb_HW3, half, interpolation=cv2.INTER_AREA))
    shrinks = width < rgb_HW3.shape[1]
    return cv2.resize(rgb_HW3, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def _halves(pixels: int, wanted: int) -> bool:
    return pixels % 2 == 0 and pixels >= 2 * wanted


def crop_person(rgb_HW3: U8, region_4: F32) -> tuple[U8, F32]:
    """The square crop of a region and the region of whole pixels that it covers; outside of the frame is grey."""
    x0, y0 = (int(np.floor(value)) for value in region_4[:2])
    x1, y1 = (max(int(np.ceil(high)), low + 1) for high, low in zip(region_4[2:], (x0, y0), strict=True))
    x1, y1 = x1 + (x1 - x0) % 2, y1 + (y1 - y0) % 2  # even sides can be halved
    height, width = rgb_HW3.shape[:2]
    part = rgb_HW3[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)]
    pads = (max(-y0, 0), max(y1 - max(height, y0), 0), max(-x0, 0), max(x1 - max(width, x0), 0))
    if 0 in part.shape:
        part = np.full((y1 - y0, x1 - x0, 3), int(MEAN), np.uint8)
    elif any(pads):
        part = cv2.copyMakeBorder(part, *pads, cv2.BORDER_CONSTANT, value=GREY)
    return resized(part, CROP, CROP), np.asarray([x0, y0, x1, y1], np.float32)
