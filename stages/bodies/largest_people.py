"""Which people of a frame are fitted and painted through the body: the largest ones."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from stages.bodies.duplicate_people import duplicate_people
from stages.payloads import PersonSurface

MIN_PIXELS = 150
"""A surface with fewer pixels is too small for a fit."""


def largest_people(surfaces: Sequence[PersonSurface], least_height: int = 1) -> list[int]:
    """Indices of a frame's people who are large enough and no duplicates, the largest first.

    Args:
        surfaces: of the people.
        least_height: rows of pixels that a person must cover.
    """
    pixels = [cv2.countNonZero(surface.labels_hw) for surface in surfaces]
    duplicate = duplicate_people(surfaces)
    large = [n for n, count in enumerate(pixels) if count >= MIN_PIXELS and not duplicate[n]]
    if least_height > 1:
        large = [n for n in large if np.count_nonzero(surfaces[n].labels_hw.any(axis=1)) >= least_height]
    return sorted(large, key=lambda n: -pixels[n])
