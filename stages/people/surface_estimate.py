"""The current estimate of a person's surface: label, UV and their certainty, on cells of the frame."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from models.arrays import Index
from stages.payloads import F32, U8, PersonSurface
from stages.people.optical_flow import CellGrid

LEAST_ROWS = 240
"""Least number of rows of cells per person; the number stays below twice this. Smaller people have one row per pixel
row. Finer cells flicker less; the cost grows in proportion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceEstimate:
    """The estimate of a person's surface on a grid of cells, with its numbers interleaved so that one warp moves all.

    Attributes:
        grid: the cells of its frame.
        labels_hw: 0 = background, 1..24 = chart.
        values_hw4: float32: U, V (0 on background); precision of UV, 1 / variance; log-odds of the label. Precision and
            log-odds are 0 where nothing is known.
    """

    grid: CellGrid
    labels_hw: U8
    values_hw4: F32


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimateLayers:
    """The same estimate with one array per number of `values_hw4`."""

    labels_hw: U8
    u_hw: F32
    v_hw: F32
    precision_hw: F32
    log_odds_hw: F32

    @classmethod
    def of(cls, packed: SurfaceEstimate) -> EstimateLayers:
        """The layers of an estimate; the labels are shared with it."""
        return cls.split(packed.labels_hw, packed.values_hw4)

    @classmethod
    def split(cls, labels_hw: U8, values_hw4: F32) -> EstimateLayers:
        """Split interleaved values into layers."""
        u_hw, v_hw, precision_hw, log_odds_hw = (np.asarray(axis, np.float32) for axis in cv2.split(values_hw4))
        return cls(labels_hw=labels_hw, u_hw=u_hw, v_hw=v_hw, precision_hw=precision_hw, log_odds_hw=log_odds_hw)

    def packed(self, grid: CellGrid) -> SurfaceEstimate:
        """The interleaved form."""
        values_hw4 = np.asarray(cv2.merge([self.u_hw, self.v_hw, self.precision_hw, self.log_odds_hw]), np.float32)
        return SurfaceEstimate(grid=grid, labels_hw=self.labels_hw, values_hw4=values_hw4)


def grid_of(surface: PersonSurface) -> CellGrid:
    """The cells that cover a surface. All grids of a step lie on one lattice of the frame, wherever the surface begins.

    A chart border that rests is therefore sampled at the same places in all frames. The outer cells may reach beyond
    the surface.
    """
    height, width = surface.labels_hw.shape
    step = max(1, height // LEAST_ROWS)
    right, down = surface.x0 % step, surface.y0 % step
    return CellGrid(
        x0=surface.x0 - right,
        y0=surface.y0 - down,
        height=-(-(height + down) // step),
        width=-(-(width + right) // step),
        step=step,
    )


def cell_centres(surface: PersonSurface, grid: CellGrid) -> tuple[Index, Index]:
    """Rows and columns of the surface's pixels at the centres of the cells, clipped to the surface."""
    rows, columns = (
        np.clip(np.arange(count) * grid.step + grid.step // 2 - (first - corner), 0, most - 1)
        for count, first, corner, most in (
            (grid.height, surface.y0, grid.y0, surface.labels_hw.shape[0]),
            (grid.width, surface.x0, grid.x0, surface.labels_hw.shape[1]),
        )
    )
    return rows, columns
