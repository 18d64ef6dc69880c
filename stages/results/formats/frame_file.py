"""The arrays of one frame of an export of `surfaces`, checked one by one before anything is drawn from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from models.surface.charts import CHART_NAMES
from stages.payloads import Surface

Arrays = Mapping[str, npt.NDArray[Any]]
FARTHEST = 1 << 20
"""Pixels from the frame's corner: more is damage."""


def checked(arrays: Arrays, name: str, kinds: str, shape: tuple[int | None, ...]) -> npt.NDArray[Any]:
    """An array of a kind (NumPy's letters) and shape (None: any length). Raises: ValueError naming it."""
    if name not in arrays:
        raise ValueError(f"it holds no {name}")
    found = arrays[name]
    fits = len(found.shape) == len(shape) and all(
        want in (None, side) for want, side in zip(shape, found.shape, strict=True)
    )
    if found.dtype.kind not in kinds or not fits:
        raise ValueError(f"its {name} is {found.dtype} of {list(found.shape)}")
    return found


def finite(arrays: Arrays, name: str, shape: tuple[int | None, ...]) -> npt.NDArray[Any]:
    """An array of numbers none of which is NaN or infinite. Raises: ValueError naming it."""
    found = checked(arrays, name, "fiu", shape)
    if not np.isfinite(found).all():
        raise ValueError(f"its {name} holds what is no number")
    return found


def whole(arrays: Arrays, name: str, low: int, high: int) -> int:
    """A whole number from `low` to `high`. Raises: ValueError naming it."""
    value = int(checked(arrays, name, "iu", ()))
    if not low <= value <= high:
        raise ValueError(f"its {name} is {value}")
    return value


def corners_of(arrays: Arrays) -> list[list[int]]:
    """Column and row under each person's grid. Raises: ValueError."""
    corner_N2 = checked(arrays, "corners_N2", "iu", (None, 2))
    if (np.abs(corner_N2.astype(np.float64)) > FARTHEST).any():
        raise ValueError("its corners_N2 lie far outside of every frame")
    found: list[list[int]] = corner_N2.tolist()
    return found


def surface_at(arrays: Arrays, i: int, corner: list[int]) -> Surface:
    """A person's surface. Raises: ValueError naming the array at fault."""
    labels_hw = checked(arrays, f"labels_{i}", "u", (None, None))
    if labels_hw.dtype != np.uint8 or labels_hw.max(initial=0) >= len(CHART_NAMES):
        raise ValueError(f"its labels_{i} are no charts")
    confidence = f"confidence_{i}"
    return Surface(
        x0=corner[0],
        y0=corner[1],
        labels_hw=labels_hw,
        uv_2hw=finite(arrays, f"uv_{i}", (2, *labels_hw.shape)),
        confidence_hw=finite(arrays, confidence, labels_hw.shape) if confidence in arrays else None,
    )
