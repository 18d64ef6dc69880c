"""COCO's compressed run lengths, checked before they are drawn: pycocotools reads past the end of damaged ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from models.files.image_size import too_large

LONGEST, MOST_BITS = 2**31, 35
FARTHEST, LONGEST_OUTLINE = 1e6, 2e6
"""Pixels, of one person: pycocotools takes time and memory for every pixel of an outline."""


def decode_mask(rle: Mapping[str, Any]) -> npt.NDArray[np.uint8]:
    """The mask (H, W) of 0 and 1. Raises: ValueError saying what is wrong with the run lengths."""
    check_run_lengths(rle)
    return np.asarray(coco_mask.decode(dict(rle)), np.uint8)


def check_run_lengths(rle: Any) -> None:
    """Raises: ValueError for what is no compressed run-length mask whose runs fill its size exactly."""
    if not isinstance(rle, Mapping) or "size" not in rle or "counts" not in rle:
        raise ValueError("has no size and counts")
    size, counts = rle["size"], rle["counts"]
    whole = isinstance(size, list | tuple) and len(size) == 2 and all(type(side) is int and side > 0 for side in size)
    if not whole:
        raise ValueError(f"has the size {size}")
    if (what := too_large(size[1], size[0])) is not None:
        raise ValueError(what)
    if not isinstance(counts, str | bytes):
        raise ValueError("has counts that are no text")
    filled = sum(run_lengths(counts))
    if filled != size[0] * size[1]:
        raise ValueError(f"has runs of {filled} cells in all instead of {size[0]}×{size[1]}")


def run_lengths(counts: str | bytes) -> list[int]:
    """The lengths in a compressed text: groups of five bits, lowest first, each run after the second as a difference.

    Raises: ValueError for other characters, an unfinished number and a negative length.
    """
    runs: list[int] = []
    value, shift = 0, 0
    for code in counts.encode() if isinstance(counts, str) else counts:
        group = code - 48
        if not 0 <= group < 64:
            raise ValueError(f"has the character {chr(code)!r} in its counts")
        value |= (group & 31) << shift
        shift += 5
        if shift > MOST_BITS:
            raise ValueError("has a run longer than every picture")
        if group & 32:
            continue
        if group & 16:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        if runs[-1] < 0:
            raise ValueError("has a run of negative length")
        if runs[-1] > LONGEST:
            raise ValueError("has a run longer than every picture")
        value, shift = 0, 0
    if shift:
        raise ValueError("ends within a number")
    return runs


def encode_mask(mask_HW: npt.NDArray[Any]) -> dict[str, Any]:
    """Compressed run lengths as JSON holds them: `size` [H, W] and `counts`, a text."""
    rle = coco_mask.encode(np.asfortranarray(mask_HW, np.uint8))
    return {"size": [int(side) for side in rle["size"]], "counts": rle["counts"].decode("ascii")}


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
        check_run_lengths(drawn)


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
