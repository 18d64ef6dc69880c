"""COCO's masks of people, polygons and run lengths, checked before they are drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from models.files.picture_size import too_large
from stages.annotations.run_lengths import check_runs

FARTHEST, LONGEST_OUTLINE = 1e6, 2e6
"""Pixels, of one person: pycocotools takes time and memory for every pixel of an outline."""


def check_segmentation(drawn: Any) -> None:
    """Raises: ValueError for what is neither a list of polygons nor a run-length mask, text or numbers."""
    if isinstance(drawn, list):
        for number, polygon in enumerate(drawn, start=1):
            _check_polygon(number, polygon)
        if sum(map(_outline, drawn)) > LONGEST_OUTLINE:
            raise ValueError("has outlines longer than every picture's")
    elif isinstance(drawn, Mapping) and isinstance(drawn.get("counts"), list):
        _check_numbers(drawn)
    else:
        check_runs(drawn)


def _check_polygon(number: int, polygon: Any) -> None:
    numbers = isinstance(polygon, list) and all(type(one) in (int, float) and math.isfinite(one) for one in polygon)
    if not numbers:
        raise ValueError(f"has a polygon {number} that is no list of numbers")
    if not all(abs(one) <= FARTHEST for one in polygon):
        raise ValueError(f"has a polygon {number} that reaches far outside of every picture")
    if len(polygon) < 6 or len(polygon) % 2:
        raise ValueError(f"has a polygon {number} of {len(polygon)} numbers instead of three points or more")


def _outline(polygon: list[float]) -> float:
    """Pixels that drawing the outline visits."""
    return sum(abs(here - before) for before, here in zip(polygon, polygon[2:], strict=False))


def _check_numbers(drawn: Mapping[str, Any]) -> None:
    """Run lengths written as numbers."""
    size, counts = drawn.get("size"), drawn["counts"]
    if not (isinstance(size, list) and len(size) == 2 and all(type(side) is int and side > 0 for side in size)):
        raise ValueError(f"has the size {size}")
    if (what := too_large(size[1], size[0])) is not None:
        raise ValueError(what)
    if not all(type(run) is int and run >= 0 for run in counts):
        raise ValueError("has runs that are no whole numbers")
    if sum(counts) != size[0] * size[1]:
        raise ValueError(f"has runs of {sum(counts)} cells in all instead of {size[0]}×{size[1]}")
