"""A person's pixels as square cells of the frame, and values of cells brought back to every pixel."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from models.arrays import Index
from stages.payloads import F32, U8, Surface
from stages.people.motion import Grid

Values = npt.NDArray[Any]

LINES = 240
"""A person is remembered in at least so many lines, under twice as many, or in all there are. Finer cells flicker less
and cost in proportion (docs/benchmarks/temporal_tried.md)."""
PAIRS = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
"""Of the four cells around a corner: upper left, upper right, lower left, lower right."""


def grid_of(surface: Surface) -> Grid:
    """The cells that cover a surface; they lie on one lattice of the frame, wherever the surface begins.

    So a border that rests is read and carried at the same places in all frames. The outer cells may jut out.
    """
    height, width = surface.labels_hw.shape
    step = max(1, height // LINES)
    right, down = surface.x0 % step, surface.y0 % step
    return Grid(
        x0=surface.x0 - right,
        y0=surface.y0 - down,
        height=-(-(height + down) // step),
        width=-(-(width + right) // step),
        step=step,
    )


def middles(surface: Surface, grid: Grid) -> tuple[Index, Index]:
    """Rows and columns of the surface's pixels in the middle of the cells; of cells that jut out, at its edge."""
    rows, columns = (
        np.clip(np.arange(count) * grid.step + grid.step // 2 - (first - corner), 0, most - 1)
        for count, first, corner, most in (
            (grid.height, surface.y0, grid.y0, surface.labels_hw.shape[0]),
            (grid.width, surface.x0, grid.x0, surface.labels_hw.shape[1]),
        )
    )
    return rows, columns


def spread(cells_hw: Values, surface: Surface, grid: Grid, way: int) -> Values:
    """Values of cells at all pixels of the surface; `way` is OpenCV's of interpolation."""
    return _cut(np.asarray(cv2.resize(cells_hw, None, fx=grid.step, fy=grid.step, interpolation=way)), surface, grid)


def spread_charts(labels_hw: U8, uv_hw: tuple[F32, F32], surface: Surface, grid: Grid) -> list[Values]:
    """The label, U and V that each pixel of the surface gets from its cell, borders between charts drawn smooth.

    The cell is the nearest. But where charts meet, each pixel between the middles of four cells goes to the chart whose
    cells are nearest together, by bilinear weights: such a border moves by parts of a cell, one along the edges of
    cells by whole ones.

    Args:
        labels_hw, uv_hw: of the cells.
        surface, grid: the pixels, and the cells that cover them.
    """
    step, wide = grid.step, grid.width * grid.step
    layers: list[Values] = [labels_hw, *uv_hw]
    spread_hw = [cv2.resize(one, None, fx=step, fy=step, interpolation=cv2.INTER_NEAREST_EXACT) for one in layers]
    row_K, column_K = np.nonzero(_meeting(labels_hw))
    four_K4 = (row_K * grid.width + column_K)[:, None] + np.array([0, 1, grid.width, grid.width + 1])
    label_K4 = labels_hw.take(four_K4)
    alike_K = np.zeros(len(row_K), np.intp)
    for k, (i, j) in enumerate(PAIRS):
        alike_K |= (label_K4[:, i] == label_K4[:, j]).astype(np.intp) << k
    which_KP = _nearest_together(step).take(alike_K, axis=0)
    inside_P = np.add.outer((np.arange(step) + step // 2) * wide, np.arange(step) + step // 2).ravel()
    pixel_KP = ((row_K * wide + column_K) * step)[:, None] + inside_P
    cell_KP = four_K4.take(which_KP + 4 * np.arange(len(row_K))[:, None])
    for whole_hw, layer_hw in zip(spread_hw, layers, strict=True):
        whole_hw.put(pixel_KP, layer_hw.take(cell_KP))
    return [_cut(whole_hw, surface, grid) for whole_hw in spread_hw]


def _meeting(labels_hw: U8) -> npt.NDArray[np.bool_]:
    """Of every four cells around a corner, whether two charts meet there, (H − 1, W − 1); background is none."""
    most_hw = cv2.max(labels_hw[:, :-1], labels_hw[:, 1:])
    charts_hw = labels_hw - np.uint8(1)  # background becomes the highest
    least_hw = cv2.min(charts_hw[:, :-1], charts_hw[:, 1:])
    most_hw, least_hw = cv2.max(most_hw[:-1], most_hw[1:]), cv2.min(least_hw[:-1], least_hw[1:])
    return np.asarray(most_hw - np.uint8(1) != least_hw)


@lru_cache(maxsize=64)
def _nearest_together(step: int) -> Index:
    """For each pattern of which of four cells are alike (bits by `PAIRS`), the cell that each pixel between goes to.

    (64, step²): of the cells alike with the greatest sum of bilinear weights, the nearest.
    """
    off_S = (np.arange(step) + (0.0 if step % 2 else 0.5)) / step
    y, x = np.meshgrid(off_S, off_S, indexing="ij")
    weight_4SS = np.stack([(1 - y) * (1 - x), (1 - y) * x, y * (1 - x), y * x])
    found_64P = np.zeros((64, step * step), np.intp)
    for pattern in range(64):
        alike = np.eye(4)
        for k, (i, j) in enumerate(PAIRS):
            alike[i, j] = alike[j, i] = pattern >> k & 1
        np.fill_diagonal(alike, 1)
        together_4SS = np.tensordot(alike, weight_4SS, 1)
        found_64P[pattern] = (together_4SS + 1e-3 * weight_4SS).argmax(axis=0).ravel()
    return found_64P


def _cut(pixels_hw: Values, surface: Surface, grid: Grid) -> Values:
    """The surface's own pixels of all that the cells cover."""
    height, width = surface.labels_hw.shape
    down, right = surface.y0 - grid.y0, surface.x0 - grid.x0
    return pixels_hw[down : down + height, right : right + width]
