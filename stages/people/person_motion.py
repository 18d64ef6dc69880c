"""A person's motion since the frame before, for later stages: the flow of temporal smoothing on a coarse grid."""

from __future__ import annotations

import numpy as np

from models.structures import PersonMotion
from stages.people.optical_flow import CellGrid, FlowField

MOTION_CELLS = 3
"""Cells of the flow along a cell of the motion; odd, so that it has a middle."""


def coarse_motion(flow: FlowField, grid: CellGrid, other: CellGrid) -> PersonMotion:
    """A person's flow to the frame before, in the middle of every square of `MOTION_CELLS` cells.

    Args:
        flow: from the cells of the grid.
        grid, other: the person's cells in this frame and in the frame before.
    """
    middle = (slice(MOTION_CELLS // 2, None, MOTION_CELLS),) * 2
    x_hw, y_hw, trust_hw = flow.x_hw[middle], flow.y_hw[middle], flow.trust_hw[middle]
    row_h1, column_w = np.arange(grid.height, dtype=np.float32)[middle[0], None], np.arange(grid.width)[middle[1]]
    here_x, here_y = (column_w + 0.5) * grid.step + grid.x0, (row_h1 + 0.5) * grid.step + grid.y0
    back_hw3 = np.dstack([
        (x_hw + 0.5) * other.step + other.x0 - here_x, (y_hw + 0.5) * other.step + other.y0 - here_y, trust_hw,
    ])  # fmt: skip
    return PersonMotion(x0=grid.x0, y0=grid.y0, step=MOTION_CELLS * grid.step, back_hw3=back_hw3.astype(np.float32))
