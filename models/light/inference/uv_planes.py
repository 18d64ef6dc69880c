"""U and V as a plane around every cell, so that they are defined between cells, also at the edge of a chart."""

from __future__ import annotations

import numpy as np

from models.arrays import F32, Float


def uv_planes(chart_GG: F32, uv_2GG: F32) -> F32:
    """The plane of U and V around every cell: (3, U or V, G, G), float32.

    The three coefficients: the value at row 0 and column 0, the slope per row, the slope per column. A slope is the
    mean over the two neighbours on that axis that have the cell's chart; 0 where neither has.
    """
    cells = chart_GG.shape[-1]
    chart_P, uv_2P = chart_GG.reshape(-1), uv_2GG.reshape(2, -1)
    plane_32P = np.zeros((3, 2, len(chart_P)), np.float32)
    for slope_2P, ahead in ((plane_32P[1], cells), (plane_32P[2], 1)):
        same = (chart_P[ahead:] == chart_P[:-ahead]).astype(np.float32)
        if ahead == 1:
            same[cells - 1 :: cells] = 0  # the next cell is in the next row
        step_2 = (uv_2P[:, ahead:] - uv_2P[:, :-ahead]) * same
        slope_2P[:, :-ahead] = step_2
        slope_2P[:, ahead:] += step_2
        slope_2P[:, ahead:-ahead] *= 1 - np.float32(0.5) * (same[ahead:] * same[:-ahead])
    plane_32GG = plane_32P.reshape(3, 2, cells, cells)
    index = np.arange(cells, dtype=np.float32)
    plane_32GG[0] = uv_2GG - plane_32GG[1] * index[:, None] - plane_32GG[2] * index
    return plane_32GG


def uv_at(plane_32K: F32, row_K: Float, column_K: Float) -> F32:
    """U and V (2, ...) in 0..1 of planes (3, 2, ...) at rows and columns of the grid."""
    return np.clip(plane_32K[0] + plane_32K[1] * row_K + plane_32K[2] * column_K, 0, 1)
