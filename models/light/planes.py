"""U and V as planes around every cell, so that places between cells get their own at a chart's edges, too."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[Any]


def planes(chart_GG: F32, uv_2GG: F32) -> F32:
    """Around every cell U and V as they go on within its chart: (3, U or V, G, G), float32.

    First what they would be in row 0 and column 0, then by how much they grow a row, then a column: the mean over the
    neighbours on both sides that have the cell's chart, 0 where neither has.
    """
    cells = chart_GG.shape[-1]
    made_32GG = np.zeros((3, 2, cells, cells), np.float32)
    for growth_2GG, rest in ((made_32GG[1], (slice(None),)), (made_32GG[2], ())):
        before, after = ((..., which, *rest) for which in (slice(None, -1), slice(1, None)))
        same = (chart_GG[after] == chart_GG[before]).astype(np.float32)
        step_2GG = (uv_2GG[after] - uv_2GG[before]) * same
        growth_2GG[before] = step_2GG
        growth_2GG[after] += step_2GG
        count_GG = np.zeros((cells, cells), np.float32)
        count_GG[before] = same
        count_GG[after] += same
        growth_2GG *= np.where(count_GG > 1, np.float32(0.5), np.float32(1))
    whole = np.arange(cells, dtype=np.float32)
    made_32GG[0] = uv_2GG - made_32GG[1] * whole[:, None] - made_32GG[2] * whole
    return made_32GG


def at_places(plane_32K: F32, row_K: npt.NDArray[np.floating], column_K: npt.NDArray[np.floating]) -> F32:
    """U and V (2, ...) in 0..1 of planes (3, 2, ...) at rows and columns of the grid."""
    return np.clip(plane_32K[0] + plane_32K[1] * row_K + plane_32K[2] * column_K, 0, 1)
