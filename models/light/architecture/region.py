"""Which part of the picture the surface network sees for a person's box."""

from __future__ import annotations

import numpy as np

from models.arrays import F32

MARGIN = 1.15
SLIMMEST = 0.5


def crop_region(box_4: F32) -> F32:
    """The region x0 y0 x1 y1 that is stretched to the square crop: the box grown about its centre by MARGIN.

    The shorter side is at least SLIMMEST times the longer one, so that nothing is stretched by more than 1 / SLIMMEST.
    """
    centre = (box_4[:2] + box_4[2:]) / 2
    size = (box_4[2:] - box_4[:2]) * MARGIN
    half = np.maximum(np.maximum(size, SLIMMEST * size.max()), 1.0) / 2
    return np.concatenate([centre - half, centre + half]).astype(np.float32)
