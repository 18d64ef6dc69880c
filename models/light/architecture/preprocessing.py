"""Preprocessing of the light network: the size of the detector's input, and the crops that the surface network sees."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from models.arrays import F32, U8

MEAN, STD = 114.0, 58.0
"""Pixels 0..255 enter the networks as (value - MEAN) / STD; MEAN is also the grey of padding."""
GREY = (int(MEAN),) * 3
CROP = 160
"""Pixels of each side of the square crop of a person, where a network states no other."""
OTHER_PLANES = 2
"""Planes that show other people in a crop."""
MARGIN = 1.15
"""Scale of the crop's region against the person's box."""
MIN_ASPECT = 0.5
"""Shorter side of the crop's region against the longer side, at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CropFormat:
    """What a surface network sees of a person.

    Attributes:
        side: pixels of the crop's sides.
        others: whether planes of other people's boxes and silhouettes follow RGB.
        own: whether a plane of the person's own box follows.
    """

    side: int = CROP
    others: bool = False
    own: bool = False

    @property
    def planes(self) -> int:
        """Planes beside RGB."""
        return OTHER_PLANES * self.others + self.own

    @property
    def channels(self) -> int:
        """RGB and the planes."""
        return 3 + self.planes


def fit_size(height: int, width: int, long_sides: tuple[int, int], pixel_aspect: float = 1.0) -> tuple[int, int]:
    """Height and width of the frame as the detector sees it, before padding to multiples of 32.

    Its longer side as shown becomes at least the first of `long_sides`, and at most the second. The detector's pixels
    are square; `pixel_aspect`: width of the frame's pixels over their height.
    """
    least, most = long_sides
    shown_width = width * pixel_aspect
    scale = min(max(max(height, shown_width), least), most) / max(height, shown_width)
    return max(round(height * scale), 1), max(round(shown_width * scale), 1)


def resize_rgb(rgb_HW3: U8, width: int, height: int) -> U8:
    """The image at another size. Shrinking averages; it halves the image while it can, which is faster."""
    while _can_halve(rgb_HW3.shape[1], width) and _can_halve(rgb_HW3.shape[0], height):
        half_size = (rgb_HW3.shape[1] // 2, rgb_HW3.shape[0] // 2)
        rgb_HW3 = np.asarray(cv2.resize(rgb_HW3, half_size, interpolation=cv2.INTER_AREA), np.uint8)
    shrinks = width < rgb_HW3.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgb_HW3, (width, height), interpolation=method), np.uint8)


def _can_halve(pixels: int, wanted: int) -> bool:
    return pixels % 2 == 0 and pixels >= 2 * wanted


def crop_region(box_4: F32) -> F32:
    """The region x0, y0, x1, y1 that is stretched to the square crop: the box scaled by MARGIN about its centre.

    The shorter side is at least MIN_ASPECT times the longer side, so that the crop stretches by 1 / MIN_ASPECT at most.
    """
    centre = (box_4[:2] + box_4[2:]) / 2
    size = (box_4[2:] - box_4[:2]) * MARGIN
    half = np.maximum(np.maximum(size, MIN_ASPECT * size.max()), 1.0) / 2
    return np.concatenate([centre - half, centre + half]).astype(np.float32)


def crop_person(rgb_HW3: U8, region_4: F32, side: int = CROP) -> tuple[U8, F32]:
    """The square crop of a region, and the region of whole pixels that it covers. Outside of the frame it is grey."""
    x0, y0 = (int(np.floor(value)) for value in region_4[:2])
    x1, y1 = (max(int(np.ceil(high)), low + 1) for high, low in zip(region_4[2:], (x0, y0), strict=True))
    x1, y1 = x1 + (x1 - x0) % 2, y1 + (y1 - y0) % 2  # even sides can be halved
    height, width = rgb_HW3.shape[:2]
    part = rgb_HW3[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)]
    pads = (max(-y0, 0), max(y1 - max(height, y0), 0), max(-x0, 0), max(x1 - max(width, x0), 0))
    if 0 in part.shape:
        part = np.full((y1 - y0, x1 - x0, 3), int(MEAN), np.uint8)
    elif any(pads):
        part = np.asarray(cv2.copyMakeBorder(part, *pads, cv2.BORDER_CONSTANT, value=GREY), np.uint8)
    return resize_rgb(part, side, side), np.asarray([x0, y0, x1, y1], np.float32)
