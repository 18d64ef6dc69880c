"""Finds duplicate detections in a frame: a detector sometimes finds a person twice, whole and in part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stages.payloads import PersonSurface

SAME_SHARE = 0.6
"""A person is a duplicate of a larger one if both surfaces agree in more than this share of the smaller one's pixels.

The share is below 0.4 for two people of whom one is in front of the other.
"""
NEAR_UV = 0.2
"""Two surfaces agree in a pixel if the chart is the same, and neither U nor V differs by this or more."""


def duplicate_people(surfaces: Sequence[PersonSurface]) -> list[bool]:
    """For each person of a frame whether it is a duplicate detection of a person with more pixels."""
    pixels = [int((surface.labels_hw > 0).sum()) for surface in surfaces]
    order = sorted(range(len(surfaces)), key=lambda n: -pixels[n])
    duplicate = [False] * len(surfaces)
    for rank, n in enumerate(order):
        limit = SAME_SHARE * pixels[n]
        duplicate[n] = any(not duplicate[m] and _same_pixels(surfaces[m], surfaces[n]) > limit for m in order[:rank])
    return duplicate


def _same_pixels(first: PersonSurface, second: PersonSurface) -> int:
    """Number of pixels in which two surfaces agree."""
    x0, y0 = max(first.x0, second.x0), max(first.y0, second.y0)
    x1 = min(first.x0 + first.labels_hw.shape[1], second.x0 + second.labels_hw.shape[1])
    y1 = min(first.y0 + first.labels_hw.shape[0], second.y0 + second.labels_hw.shape[0])
    if x1 <= x0 or y1 <= y0:
        return 0
    in_first, in_second = (
        (slice(y0 - person.y0, y1 - person.y0), slice(x0 - person.x0, x1 - person.x0)) for person in (first, second)
    )
    label_hw = first.labels_hw[in_first]
    same_hw = (label_hw > 0) & (label_hw == second.labels_hw[in_second])
    uv_2M = first.uv_2hw[(slice(None), *in_first)][:, same_hw].astype(np.float32)
    other_2M = second.uv_2hw[(slice(None), *in_second)][:, same_hw].astype(np.float32)
    return int((np.abs(uv_2M - other_2M).max(axis=0) < NEAR_UV).sum())
