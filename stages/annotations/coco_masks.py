"""COCO's masks, run lengths and polygons: check, decode, encode. pycocotools does not check its input itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from models.files.image_size import too_large

MAX_RUN, MAX_BITS = 2**31, 35
MAX_COORDINATE, MAX_OUTLINE = 1e6, 2e6
"""Pixels per person: pycocotools needs time and memory for every pixel of an outline."""


def decode_mask(rle: Mapping[str, Any]) -> npt.NDArray[np.uint8]:
    """The mask (H, W) of 0 and 1, from compressed run lengths. Raises: ValueError as `check_run_lengths`."""
    check_run_lengths(rle)
    return np.asarray(coco_mask.decode(dict(rle)), np.uint8)


def check_run_lengths(rle: Any) -> None:
    """Raises: ValueError unless `rle` is a compressed run-length mask whose runs fill its size exactly."""
    if not isinstance(rle, Mapping) or "size" not in rle or "counts" not in rle:
        raise ValueError("has no size and counts")
    size, counts = rle["size"], rle["counts"]
    whole = isinstance(size, list | tuple) and len(size) == 2 and all(type(side) is int and side > 0 for side in size)
    if not whole:
        raise ValueError(f"has the size {size}")
    if (what := too_large(size[1], size[0])) is not None:
        raise ValueError(what)
    if not isinstance(counts, str | bytes):
        raise ValueError("has counts that are not text")
    filled = sum(run_lengths(counts))
    if filled != size[0] * size[1]:
        raise ValueError(f"has runs of {filled} pixels in total instead of {size[0]}×{size[1]}")


def run_lengths(counts: str | bytes) -> list[int]:
    """Decode compressed run lengths: groups of five bits, lowest first; from the third run on, differences.

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
        if shift > MAX_BITS:
            raise ValueError("has a run longer than any image")
        if group & 32:
            continue
        if group & 16:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        if runs[-1] < 0:
            raise ValueError("has a run of negative length")
        if runs[-1] > MAX_RUN:
            raise ValueError("has a run longer than any image")
        value, shift = 0, 0
    if shift:
        raise ValueError("ends inside a number")
    return runs


def encode_mask(mask_HW: npt.NDArray[Any]) -> dict[str, Any]:
    """A mask as compressed run lengths for JSON: `size` [H, W] and `counts`, a text."""
    rle = coco_mask.encode(np.asfortranarray(mask_HW, np.uint8))
    return {"size": [int(side) for side in rle["size"]], "counts": rle["counts"].decode("ascii")}


def check_segmentation(segmentation: Any) -> None:
    """Raises: ValueError unless it is a list of polygons or a run-length mask, with counts as text or numbers."""
    if isinstance(segmentation, list):
        for number, polygon in enumerate(segmentation, start=1):
            _check_polygon(number, polygon)
        if sum(map(_outline, segmentation)) > MAX_OUTLINE:
            raise ValueError("has outlines longer than those of any image")
    elif isinstance(segmentation, Mapping) and isinstance(segmentation.get("counts"), list):
        _check_numbers(segmentation)
    else:
        check_run_lengths(segmentation)


def _check_polygon(number: int, polygon: Any) -> None:
    numbers = isinstance(polygon, list) and all(type(one) in (int, float) and math.isfinite(one) for one in polygon)
    if not numbers:
        raise ValueError(f"has a polygon {number} that is not a list of numbers")
    if not all(abs(one) <= MAX_COORDINATE for one in polygon):
        raise ValueError(f"has a polygon {number} that reaches far outside of any image")
    if len(polygon) < 6 or len(polygon) % 2:
        raise ValueError(f"has a polygon {number} of {len(polygon)} numbers instead of three points or more")


def _outline(polygon: list[float]) -> float:
    """Length of the outline in pixels."""
    return sum(abs(here - before) for before, here in zip(polygon, polygon[2:], strict=False))


def _check_numbers(segmentation: Mapping[str, Any]) -> None:
    """Check run lengths that are a list of numbers. Raises: ValueError."""
    size, counts = segmentation.get("size"), segmentation["counts"]
    if not (isinstance(size, list) and len(size) == 2 and all(type(side) is int and side > 0 for side in size)):
        raise ValueError(f"has the size {size}")
    if (what := too_large(size[1], size[0])) is not None:
        raise ValueError(what)
    if not all(type(run) is int and run >= 0 for run in counts):
        raise ValueError("has runs that are not whole numbers")
    if sum(counts) != size[0] * size[1]:
        raise ValueError(f"has runs of {sum(counts)} pixels in total instead of {size[0]}×{size[1]}")
