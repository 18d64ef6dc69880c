"""U and V as planes around every cell, so that places between cells get their own at a chart's edges, too."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.arrays import F32


def planes(chart_GG: F32, uv_2GG: F32) -> F32:
    """Around every cell U and V as they go on within its chart: (3, U or V, G, G), float32.

    First what they would be in row 0 and column 0, then by how much they grow a row, then a column: the mean over the
    neighbours on both sides that have the cell's chart, 0 where neither has.
    """
    cells = chart_GG.shape[-1]
    chart_P, uv_2P = chart_GG.reshape(-1), uv_2GG.reshape(2, -1)
    made_32P = np.zeros((3, 2, len(chart_P)), np.float32)
    for growth_2P, ahead in ((made_32P[1], cells), (made_32P[2], 1)):
        same = (chart_P[ahead:] == chart_P[:-ahead]).astype(np.float32)
        if ahead == 1:
            same[cells - 1 :: cells] = 0  # the next row begins there
        step_2 = (uv_2P[:, ahead:] - uv_2P[:, :-ahead]) * same
        growth_2P[:, :-ahead] = step_2
        growth_2P[:, ahead:] += step_2
        growth_2P[:, ahead:-ahead] *= 1 - np.float32(0.5) * (same[ahead:] * same[:-ahead])
    made_32GG = made_32P.reshape(3, 2, cells, cells)
    whole = np.arange(cells, dtype=np.float32)
    made_32GG[0] = uv_2GG - made_32GG[1] * whole[:, None] - made_32GG[2] * whole
    return made_32GG


def at_places(plane_32K: F32, row_K: npt.NDArray[np.floating], column_K: npt.NDArray[np.floating]) -> F32:
    """U and V (2, ...) in 0..1 of planes (3, 2, ...) at rows and columns of the grid."""
    return np.clip(plane_32K[0] + plane_32K[1] * row_K + plane_32K[2] * column_K, 0, 1)
