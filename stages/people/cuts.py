"""Finds cuts: a frame that shows another scene than the one before."""

from __future__ import annotations

import cv2
import numpy as np

from stages.payloads import F32, U8

COLUMNS, ROWS = 64, 36
"""Pixels that are looked at, taken evenly from the frame."""
LEAST_CHANGE = 8.0
"""Mean difference, of 255, under which two frames are one scene."""
FARTHEST = 6
"""A frame may show the scene moved by a sixth of its sides and still look alike."""
UNLIKE = 0.25
"""Likeness under which two frames are two scenes, whatever their colours."""
MOST_SHARED = 0.7
"""Share of colours in common over which two frames that look somewhat alike are one scene."""
LIKE_AND_SHARED = 1.5
"""Likeness and share of colours, light and tint set equal, from which on together two frames are one scene. Like the
rest chosen on cuts made between films, and on what is none (docs/benchmarks/identities.md)."""
LEAST_SPREAD = 4.0
"""Grey levels added to the spread of a channel: of an all but even one, noise is not enlarged to the other's."""


def glance(frame_HW3: U8) -> U8:
    """A few thousand pixels (rows, columns, 3) of a frame, enough to tell a cut."""
    height, width = frame_HW3.shape[:2]
    rows = (np.arange(min(ROWS, height)) * height) // min(ROWS, height)
    columns = (np.arange(min(COLUMNS, width)) * width) // min(COLUMNS, width)
    return frame_HW3.take(rows, axis=0).take(columns, axis=1)


def is_cut(before: U8, now: U8) -> bool:
    """True when two glances show different scenes: they look unlike, and in the same light their colours differ, too.

    A pan or a passer-by changes pixels but keeps colours; a lamp or an exposure changes colours but not what it looks
    like.
    """
    if before.shape != now.shape:
        return True
    if np.abs(before.astype(np.int16) - now).mean() < LEAST_CHANGE:
        return False
    alike = likeness(before, now)
    if alike < UNLIKE:
        return True
    if _shared(before, now) >= MOST_SHARED:
        return False
    return alike + _shared(before, _in_light_of(before, now)) < LIKE_AND_SHARED


def likeness(before: U8, now: U8) -> float:
    """The best correlation (-1..1) of the middle of the one, in grey, with any place of the other."""
    grey_hw, other_hw = (cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) for one in (before, now))
    up, left = grey_hw.shape[0] // FARTHEST, grey_hw.shape[1] // FARTHEST
    middle_hw = grey_hw[up : grey_hw.shape[0] - up, left : grey_hw.shape[1] - left]
    return float(cv2.matchTemplate(other_hw, middle_hw, cv2.TM_CCOEFF_NORMED).max())


def _in_light_of(before: U8, now: U8) -> U8:
    """The second, each channel's mean and spread made the first's."""
    one_N3, other_N3 = (glance_hw3.reshape(-1, 3).astype(np.float32) for glance_hw3 in (before, now))
    spreads: list[F32] = [values_N3.std(axis=0) + np.float32(LEAST_SPREAD) for values_N3 in (one_N3, other_N3)]
    lit_N3 = (other_N3 - other_N3.mean(axis=0)) * (spreads[0] / spreads[1]) + one_N3.mean(axis=0)
    return np.clip(lit_N3, 0, 255).astype(np.uint8).reshape(now.shape)


def _shared(before: U8, now: U8) -> float:
    """Share of colours, of 4 × 4 × 4 bins, in common."""
    return float(np.minimum(_colours(before), _colours(now)).sum() / (before.size // 3))


def _colours(glance_hw3: U8) -> np.ndarray:
    bins = (glance_hw3 >> 6).astype(np.int32) @ np.array([16, 4, 1], np.int32)
    return np.bincount(bins.reshape(-1), minlength=64)
