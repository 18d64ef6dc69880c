"""Where a person's skin went between two frames, by what the network called it in each: a first guess of the flow.

What moves farther than the flow's patches see, such as a runner's legs, looks to the flow as if it stood still or were
the other leg. The network knows which leg it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stages.people.layers import Memory
from stages.people.motion import Grid, Guess

PATCHES = 4
"""Each chart is cut into so many by so many patches of skin by U and V; with 1 or 8 the flicker is the same to 1 %."""
LEAST_CELLS = 3
"""Of a patch, in each of the two frames, from which on its middle is believed."""
LINES = 60
"""A person is looked at in at least so many lines, or in all there are: all of 240 make the flicker at most
1 % less, for five times the time."""
LABELS = 25
"""Background and the 24 charts."""


def guessed(here: Memory, there: Memory) -> Guess | None:
    """How far a person's skin is from here to there, by the middles of the patch of skin that each cell belongs to.

    A patch that is missing in either takes the mean of its chart, a chart that is missing that of the whole person.
    None where the two have nothing in common.
    """
    grid, patch_hw, count_P, middle_2P = _middles(here)
    _, _, count_there_P, middle_there_2P = _middles(there)
    both_P = (count_P >= LEAST_CELLS) & (count_there_P >= LEAST_CELLS)
    if not both_P.any():
        return None
    weight_CP = (np.minimum(count_P, count_there_P) * both_P).reshape(LABELS, -1)
    moved_2P = (middle_there_2P - middle_2P) * both_P
    weight_C = weight_CP.sum(axis=1)
    sum_2C = (moved_2P.reshape(2, LABELS, -1) * weight_CP).sum(axis=2)
    whole_21 = sum_2C.sum(axis=1, keepdims=True) / weight_C.sum()
    chart_2C = np.where(weight_C > 0, sum_2C / np.maximum(weight_C, 1), whole_21)
    moved_2P = np.where(both_P, moved_2P, np.repeat(chart_2C, PATCHES**2, axis=1))
    moved_2P[:, : PATCHES**2] = 0
    return Guess(grid=grid, moved_hw2=moved_2P.T.astype(np.float32).take(patch_hw, axis=0))


def _middles(memory: Memory) -> tuple[Grid, npt.NDArray[np.intp], npt.NDArray[np.int64], npt.NDArray[Any]]:
    """Some of the cells as a grid, the patch of each (0 is background), each patch's cells, and their mean x and y."""
    every = max(1, memory.grid.height // LINES)
    labels_hw = memory.labels_hw[every // 2 :: every, every // 2 :: every]
    uv_hw2 = memory.known_hw4[every // 2 :: every, every // 2 :: every, :2]
    height, width = labels_hw.shape
    step = memory.grid.step * every
    grid = Grid(x0=memory.grid.x0, y0=memory.grid.y0, height=height, width=width, step=step)
    at_hw2 = np.clip(uv_hw2 * PATCHES, 0, PATCHES - 1).astype(np.intp)
    patch_hw = (labels_hw.astype(np.intp) * PATCHES + at_hw2[..., 0]) * PATCHES + at_hw2[..., 1]
    many = LABELS * PATCHES**2
    count_P = np.bincount(patch_hw.ravel(), minlength=many)
    count_P[: PATCHES**2] = 0
    y_hw, x_hw = np.mgrid[:height, :width]
    sum_2P = np.stack([np.bincount(patch_hw.ravel(), axis.ravel(), minlength=many) for axis in (x_hw, y_hw)])
    first_21 = np.array([[grid.x0], [grid.y0]]) + memory.grid.step * (every // 2 + 0.5)
    return grid, patch_hw, count_P, first_21 + step * sum_2P / np.maximum(count_P, 1)
