"""Where every pixel goes from one frame to the next, estimated, for films of which nothing is known."""

from __future__ import annotations

import cv2
import numpy as np

from models.arrays import Bool
from stages.payloads import F32, U8

LOST_WAY = 1.0
"""Pixels by which the way there and back may miss, where a pixel still counts as seen in both frames."""
LINES = 720
"""Height in which is searched, at most."""


class EstimatedFlow:
    """A finer search than the product's own: the medium preset of DIS (Kroeger et al. 2016) on the whole frame."""

    def __init__(self) -> None:
        self._search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def between(self, before_HW3: U8, now_HW3: U8) -> tuple[F32, Bool]:
        """Way from each pixel of the first frame to the second, (H, W, 2), and where the way back leads home, (H, W).

        Args:
            before_HW3, now_HW3: frames of one size.
        """
        height, width = before_HW3.shape[:2]
        one, other = small_grey(before_HW3), small_grey(now_HW3)
        way, back = self._way(one, other), self._way(other, one)
        y, x = np.mgrid[: one.shape[0], : one.shape[1]].astype(np.float32)
        home = cv2.remap(back, x + way[..., 0], y + way[..., 1], cv2.INTER_LINEAR, borderValue=(99.0, 99.0))
        seen = np.hypot(*(way + home).transpose(2, 0, 1)) < LOST_WAY
        large = cv2.resize(way, (width, height)) * np.float32(width / one.shape[1])
        return large, cv2.resize(seen.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0

    def _way(self, one_HW: U8, other_HW: U8) -> F32:
        return np.asarray(self._search.calc(one_HW, other_HW, np.zeros((*one_HW.shape, 2), np.float32)), np.float32)


def small_grey(rgb_HW3: U8) -> U8:
    """Grey, of at most `LINES` lines."""
    height, width = rgb_HW3.shape[:2]
    size = (width, height) if height <= LINES else (round(width * LINES / height), LINES)
    grey_HW = cv2.cvtColor(rgb_HW3, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey_HW, size, interpolation=cv2.INTER_AREA), np.uint8)
