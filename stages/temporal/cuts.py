"""Finds cuts: a frame that shows another scene than the one before."""

from __future__ import annotations

import numpy as np

from stages.payloads import U8

COLUMNS, ROWS = 64, 36
"""Pixels that are looked at, taken evenly from the frame."""
LEAST_CHANGE = 24.0
"""Mean difference, of 255, under which two frames are one scene however their colours are spread."""
LEAST_OVERLAP = 0.65
"""Share of colours (of 4 × 4 × 4 bins) in common over which two frames are one scene however much moved."""


def glance(frame_HW3: U8) -> U8:
    """A few thousand pixels (rows, columns, 3) of a frame, enough to tell a cut."""
    height, width = frame_HW3.shape[:2]
    rows = (np.arange(min(ROWS, height)) * height) // min(ROWS, height)
    columns = (np.arange(min(COLUMNS, width)) * width) // min(COLUMNS, width)
    return frame_HW3[rows[:, None], columns[None, :]]


def is_cut(before: U8, now: U8) -> bool:
    """True when two glances show different scenes: most pixels changed, and the colours themselves did too.

    A pan or a passer-by changes pixels but keeps colours; a lamp changes colours a little in many pixels.
    """
    if before.shape != now.shape:
        return True
    change = np.abs(before.astype(np.int16) - now).mean()
    if change < LEAST_CHANGE:
        return False
    overlap = np.minimum(_colours(before), _colours(now)).sum() / (before.size // 3)
    return bool(overlap < LEAST_OVERLAP)


def _colours(glance_hw3: U8) -> np.ndarray:
    bins = (glance_hw3 >> 6).astype(np.int32) @ np.array([16, 4, 1], np.int32)
    return np.bincount(bins.reshape(-1), minlength=64)
