"""Scene cut detection: which frames of a stream show another scene than the frame before."""

from __future__ import annotations

import cv2
import numpy as np

from models.arrays import Bool
from stages.payloads import F32, U8

THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT = 64, 36
"""Size of the thumbnails that are compared."""
LEAST_DIFFERENCE = 8.0
"""Mean difference (of 255) below which two thumbnails show one scene."""
SHIFT_DIVISOR = 6
"""Between two frames the view may shift by this fraction (1/6) of its sides and still correlate."""
LEAST_CORRELATION = 0.25
"""Correlation below which two thumbnails show two scenes, whatever their colours."""
SAME_COLOURS = 0.7
"""Share of common colours from which on two thumbnails with some correlation show one scene."""
SAME_SCENE_SUM = 1.5
"""Sum of correlation and share of common colours, with equal brightness and tint, from which on two thumbnails show one
scene. Chosen on real cuts between videos and on hard non-cuts (docs/benchmarks/identities.md)."""
DEVIATION_FLOOR = 4.0
"""Grey levels added to the standard deviation of a channel, so that the noise of a nearly uniform channel is not
amplified."""


class SceneCuts:
    """Finds the scene cuts of one stream. It remembers a thumbnail of the last frame."""

    def __init__(self) -> None:
        self._last: U8 | None = None

    def starts_of_shots(self, rgb_THW3: U8) -> Bool:
        """Which of the stream's next frames start a shot, (T,); the first frame of a stream does not."""
        starts = []
        for rgb_HW3 in rgb_THW3:
            now = thumbnail(rgb_HW3)
            starts.append(self._last is not None and is_scene_cut(self._last, now))
            self._last = now
        return np.array(starts, bool)


def thumbnail(frame_HW3: U8) -> U8:
    """A thumbnail of a frame, (rows, columns, 3), for `is_scene_cut`: evenly spaced pixels."""
    height, width = frame_HW3.shape[:2]
    rows = (np.arange(min(THUMBNAIL_HEIGHT, height)) * height) // min(THUMBNAIL_HEIGHT, height)
    columns = (np.arange(min(THUMBNAIL_WIDTH, width)) * width) // min(THUMBNAIL_WIDTH, width)
    return frame_HW3.take(rows, axis=0).take(columns, axis=1)


def is_scene_cut(before: U8, now: U8) -> bool:
    """Whether two thumbnails show different scenes: low correlation, or different colours in equal light.

    Camera motion and passers-by change pixels but keep colours. A lamp or a change of exposure changes colours but
    keeps the correlation.
    """
    if before.shape != now.shape:
        return True
    if np.abs(before.astype(np.int16) - now).mean() < LEAST_DIFFERENCE:
        return False
    similar = correlation(before, now)
    if similar < LEAST_CORRELATION:
        return True
    if _shared_colours(before, now) >= SAME_COLOURS:
        return False
    return similar + _shared_colours(before, _with_statistics_of(before, now)) < SAME_SCENE_SUM


def correlation(before: U8, now: U8) -> float:
    """The best normalised correlation (−1..1) of the middle of the first, in grey, with any place of the second."""
    before_hw, now_hw = (cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) for one in (before, now))
    up, left = before_hw.shape[0] // SHIFT_DIVISOR, before_hw.shape[1] // SHIFT_DIVISOR
    template_hw = before_hw[up : before_hw.shape[0] - up, left : before_hw.shape[1] - left]
    return float(cv2.matchTemplate(now_hw, template_hw, cv2.TM_CCOEFF_NORMED).max())


def _with_statistics_of(before: U8, now: U8) -> U8:
    """The second thumbnail with the mean and standard deviation of each channel of the first."""
    before_N3, now_N3 = (thumbnail_hw3.reshape(-1, 3).astype(np.float32) for thumbnail_hw3 in (before, now))
    deviations: list[F32] = [values_N3.std(axis=0) + np.float32(DEVIATION_FLOOR) for values_N3 in (before_N3, now_N3)]
    matched_N3 = (now_N3 - now_N3.mean(axis=0)) * (deviations[0] / deviations[1]) + before_N3.mean(axis=0)
    return np.clip(matched_N3, 0, 255).astype(np.uint8).reshape(now.shape)


def _shared_colours(before: U8, now: U8) -> float:
    """Share of colours, in 4 × 4 × 4 bins, that both have."""
    return float(np.minimum(_colour_histogram(before), _colour_histogram(now)).sum() / (before.size // 3))


def _colour_histogram(thumbnail_hw3: U8) -> np.ndarray:
    bins = (thumbnail_hw3 >> 6).astype(np.int32) @ np.array([16, 4, 1], np.int32)
    return np.bincount(bins.reshape(-1), minlength=64)
