"""Boxes and surfaces fitted to each other: detected boxes cut off heads and hands, surfaces do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.arrays import F32, Bool, Float
from models.light.architecture.preprocessing import MARGIN
from models.light.inference.surface_assembly import Silhouette, integer_box
from models.structures import SurfaceMap

EXPANSION = (MARGIN - 1) / 2
"""How far a surface may extend beyond each side of its box, as a share of the box; the crop ends there."""

FIT = 0.7
"""How far a box moves towards the bounds of its surface: 0 is the detected box, 1 the bounds."""


def expanded_box(box_4: F32, width: int, height: int) -> F32:
    """The box expanded by EXPANSION to whole pixels, inside the frame; never smaller than the box.

    Whole pixels, so that the grid has a cell for every pixel in which a box inside may start, also at the frame's edge.
    """
    margin_2 = EXPANSION * (box_4[2:] - box_4[:2])
    low = np.maximum(box_4[:2] - margin_2, np.minimum(box_4[:2], 0))
    high = np.minimum(box_4[2:] + margin_2, np.maximum(box_4[2:], (width, height)))
    return np.concatenate([np.floor(low), np.ceil(high)]).astype(np.float32)


def fit_box(box_4: Float, shape: SurfaceMap | Silhouette) -> F32:
    """The box moved by FIT towards the bounds of the person's pixels; unchanged if there are none."""
    shown_hw = shape.shown_hw
    row_h, column_w = (np.flatnonzero(shown_hw.any(axis=axis)) for axis in (1, 0))
    if not len(row_h):
        return box_4
    low = (shape.x0 + column_w[0], shape.y0 + row_h[0])
    high = (shape.x0 + column_w[-1] + 1, shape.y0 + row_h[-1] + 1)
    return (box_4 + FIT * (np.array([*low, *high], np.float32) - box_4)).astype(np.float32)


def trim_surface(surface: SurfaceMap, box_4: F32) -> SurfaceMap:
    """The surface on the box's own integer grid (facts §7), enlarged where the person extends beyond it."""
    x0, y0, w, h = integer_box(box_4)
    shown_hw = surface.shown_hw
    columns = _span(np.asarray(shown_hw.any(axis=0)), x0 - surface.x0, w)
    rows = _span(np.asarray(shown_hw.any(axis=1)), y0 - surface.y0, h)
    confidence_hw = surface.confidence_hw
    return replace(
        surface,
        x0=surface.x0 + columns.start,
        y0=surface.y0 + rows.start,
        labels_hw=surface.labels_hw[rows, columns],
        uv_2hw=np.ascontiguousarray(surface.uv_2hw[:, rows, columns]),
        confidence_hw=None if confidence_hw is None else confidence_hw[rows, columns],
        mask_hw=None if surface.mask_hw is None else surface.mask_hw[rows, columns],
    )


def _span(shown_n: Bool, first: int, count: int) -> slice:
    """The rows or columns of the box and of the person together."""
    shown = np.flatnonzero(shown_n)
    start, stop = max(first, 0), min(first + count, len(shown_n))
    return slice(start, stop) if not len(shown) else slice(min(start, int(shown[0])), max(stop, int(shown[-1]) + 1))
