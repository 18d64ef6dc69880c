"""Which people of a frame are the same person a second time: a detector finds some people twice, whole and in part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stages.payloads import PersonSurface

SAME_SHARE = 0.6
"""Share of a person's pixels in which a larger person's surface is the same, from which both are one person.

Of two people of whom one stands before the other it is under 0.4: a network draws its own person in each box.
"""
NEAR_UV = 0.2
"""Largest difference of U, and of V, of the same place."""


def shown_twice(surfaces: Sequence[PersonSurface]) -> list[bool]:
    """For each person whether the person is another one, with more pixels, once more."""
    pixels = [int((one.labels_hw > 0).sum()) for one in surfaces]
    order = sorted(range(len(surfaces)), key=lambda n: -pixels[n])
    twice = [False] * len(surfaces)
    for place, n in enumerate(order):
        least = SAME_SHARE * pixels[n]
        twice[n] = any(not twice[m] and _same_pixels(surfaces[m], surfaces[n]) > least for m in order[:place])
    return twice


def _same_pixels(one: PersonSurface, other: PersonSurface) -> int:
    """Number of pixels in which two surfaces show the same place of the body."""
    x0, y0 = max(one.x0, other.x0), max(one.y0, other.y0)
    x1 = min(one.x0 + one.labels_hw.shape[1], other.x0 + other.labels_hw.shape[1])
    y1 = min(one.y0 + one.labels_hw.shape[0], other.y0 + other.labels_hw.shape[0])
    if x1 <= x0 or y1 <= y0:
        return 0
    of_one, of_other = (
        (slice(y0 - person.y0, y1 - person.y0), slice(x0 - person.x0, x1 - person.x0)) for person in (one, other)
    )
    label_hw = one.labels_hw[of_one]
    same_hw = (label_hw > 0) & (label_hw == other.labels_hw[of_other])
    uv_2M = one.uv_2hw[(slice(None), *of_one)][:, same_hw].astype(np.float32)
    other_2M = other.uv_2hw[(slice(None), *of_other)][:, same_hw].astype(np.float32)
    return int((np.abs(uv_2M - other_2M).max(axis=0) < NEAR_UV).sum())
