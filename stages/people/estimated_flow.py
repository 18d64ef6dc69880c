"""Optical flow of whole frames, estimated, for videos without ground truth."""

from __future__ import annotations

import cv2
import numpy as np

from models.arrays import Bool
from stages.payloads import F32, U8

MOST_ROUND_TRIP = 1.0
"""Forward-backward check: a pixel is visible in both frames if its round trip ends less than this many pixels away."""
MOST_ROWS = 720
"""Largest height of the images that are searched."""


class EstimatedFlow:
    """A finer search than the one of `smooth`: the medium preset of DIS (Kroeger et al. 2016) on the whole frame."""

    def __init__(self) -> None:
        self._search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def between(self, before_HW3: U8, now_HW3: U8) -> tuple[F32, Bool]:
        """Displacement of each pixel to the second frame, (H, W, 2), and whether it is visible in both, (H, W).

        Args:
            before_HW3, now_HW3: frames of one size.
        """
        height, width = before_HW3.shape[:2]
        before, now = small_grey(before_HW3), small_grey(now_HW3)
        forward, backward = self._flow(before, now), self._flow(now, before)
        y, x = np.mgrid[: before.shape[0], : before.shape[1]].astype(np.float32)
        returned = cv2.remap(
            backward, x + forward[..., 0], y + forward[..., 1], cv2.INTER_LINEAR, borderValue=(99.0, 99.0)
        )
        seen = np.hypot(*(forward + returned).transpose(2, 0, 1)) < MOST_ROUND_TRIP
        full_size = cv2.resize(forward, (width, height)) * np.float32(width / before.shape[1])
        return full_size, cv2.resize(seen.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0

    def _flow(self, before_HW: U8, now_HW: U8) -> F32:
        return np.asarray(self._search.calc(before_HW, now_HW, np.zeros((*before_HW.shape, 2), np.float32)), np.float32)


def small_grey(rgb_HW3: U8) -> U8:
    """Grey image of at most MOST_ROWS rows."""
    height, width = rgb_HW3.shape[:2]
    size = (width, height) if height <= MOST_ROWS else (round(width * MOST_ROWS / height), MOST_ROWS)
    grey_HW = cv2.cvtColor(rgb_HW3, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey_HW, size, interpolation=cv2.INTER_AREA), np.uint8)
