"""Cells of the skin in which painting remembers what it has seen: a coarse grid on U and V of each chart."""

from __future__ import annotations

import numpy as np

from models.arrays import F32, U8, Index
from models.surface.chart_lookup import CHARTS

CELLS = 8
"""Cells along U and V of a chart."""
SKIN_CELLS = CHARTS * CELLS * CELLS


def skin_cells(label_M: U8, uv_2M: F32) -> Index:
    """The cell of each chart point, 0 to SKIN_CELLS - 1, row by row of each chart; labels are 1..24."""
    u_M, v_M = np.clip(uv_2M * CELLS, 0, CELLS - 1).astype(np.intp)
    return np.asarray((label_M.astype(np.intp) - 1) * (CELLS * CELLS) + v_M * CELLS + u_M, np.intp)
