"""A first estimate of the optical flow from the network's own labels: where each patch of the body surface moved.

Fast parts, such as a runner's legs, move farther than the patches of the flow search see; the search then finds no
motion or the other leg. The network's charts and UV distinguish the legs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stages.people.optical_flow import CellGrid, InitialFlow
from stages.people.surface_estimate import SurfaceEstimate

PATCHES_PER_SIDE = 4
"""Patches per chart along U and along V."""
LEAST_CELLS = 3
"""Cells that a patch needs in both frames for its centre to be used."""
MOST_ROWS = 60
"""Rows of cells that are enough: in taller people only every k-th cell is used."""
LABELS = 25
"""Background and the 24 charts."""


def initial_flow(here: SurfaceEstimate, other: SurfaceEstimate) -> InitialFlow | None:
    """The displacement of each cell of `here` to `other`: that of the centre of its surface patch.

    A patch that is missing in either frame takes the mean of its chart, and a missing chart that of the whole person.
    None if the two estimates have no patch in common.
    """
    grid, patch_hw, count_P, centre_2P = _patch_centres(here)
    _, _, count_other_P, centre_there_2P = _patch_centres(other)
    both_P = (count_P >= LEAST_CELLS) & (count_other_P >= LEAST_CELLS)
    if not both_P.any():
        return None
    weight_CP = (np.minimum(count_P, count_other_P) * both_P).reshape(LABELS, -1)
    offset_2P = (centre_there_2P - centre_2P) * both_P
    weight_C = weight_CP.sum(axis=1)
    sum_2C = (offset_2P.reshape(2, LABELS, -1) * weight_CP).sum(axis=2)
    whole_21 = sum_2C.sum(axis=1, keepdims=True) / weight_C.sum()
    chart_2C = np.where(weight_C > 0, sum_2C / np.maximum(weight_C, 1), whole_21)
    offset_2P = np.where(both_P, offset_2P, np.repeat(chart_2C, PATCHES_PER_SIDE**2, axis=1))
    offset_2P[:, : PATCHES_PER_SIDE**2] = 0
    return InitialFlow(grid=grid, offset_hw2=offset_2P.T.astype(np.float32).take(patch_hw, axis=0))


def _patch_centres(
    memory: SurfaceEstimate,
) -> tuple[CellGrid, npt.NDArray[np.intp], npt.NDArray[np.int64], npt.NDArray[Any]]:
    """Every k-th cell as a grid, the patch of each (0 = background), and each patch's cell count and mean x and y."""
    stride = max(1, memory.grid.height // MOST_ROWS)
    labels_hw = memory.labels_hw[stride // 2 :: stride, stride // 2 :: stride]
    uv_hw2 = memory.values_hw4[stride // 2 :: stride, stride // 2 :: stride, :2]
    height, width = labels_hw.shape
    step = memory.grid.step * stride
    grid = CellGrid(x0=memory.grid.x0, y0=memory.grid.y0, height=height, width=width, step=step)
    at_hw2 = np.clip(uv_hw2 * PATCHES_PER_SIDE, 0, PATCHES_PER_SIDE - 1).astype(np.intp)
    patch_hw = (labels_hw.astype(np.intp) * PATCHES_PER_SIDE + at_hw2[..., 0]) * PATCHES_PER_SIDE + at_hw2[..., 1]
    patches = LABELS * PATCHES_PER_SIDE**2
    count_P = np.bincount(patch_hw.ravel(), minlength=patches)
    count_P[: PATCHES_PER_SIDE**2] = 0
    y_hw, x_hw = np.mgrid[:height, :width]
    sum_2P = np.stack([np.bincount(patch_hw.ravel(), axis.ravel(), minlength=patches) for axis in (x_hw, y_hw)])
    first_21 = np.array([[grid.x0], [grid.y0]]) + memory.grid.step * (stride // 2 + 0.5)
    return grid, patch_hw, count_P, first_21 + step * sum_2P / np.maximum(count_P, 1)
