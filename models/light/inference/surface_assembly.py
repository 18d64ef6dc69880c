"""From the surface network's grid to the grid of a person's box: bilinear inside charts, a vote at their borders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, cast

import cv2
import numpy as np

from models.arrays import F32, F64, I64, U8, Bool, Float
from models.light.inference.calibration import NEUTRAL, Calibration
from models.light.inference.logistic import logistic
from models.light.inference.uv_planes import uv_at, uv_planes
from models.structures import SurfaceMap, mean_where

PERSON_THRESHOLD = 0.0
"""A pixel is the person's from this logit on: even odds."""
UV_STRETCH = 0.1
"""Uncertain U and V are predicted too near to the middle of the chart. They are moved away from it by this factor times
one minus the confidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silhouette:
    """The part of a `SurfaceMap` that the first pass needs, with equal bits: the person's pixels and the confidence.

    Attributes:
        x0, y0: pixel of the frame under the grid's first cell.
        shown_hw: whether a pixel is the person's.
        confidence_hw: float32, 0..1.
    """

    x0: int
    y0: int
    shown_hw: Bool
    confidence_hw: F32

    @property
    def mean_confidence(self) -> float:
        """The mean confidence of the person's pixels; 0 where there are none."""
        return mean_where(self.shown_hw, self.confidence_hw)


class _BoxGrid(NamedTuple):
    """A box's integer grid (x0, y0, w, h) over a crop's grid: first pixel and size of a pixel (x, y) in cells."""

    x0: int
    y0: int
    w: int
    h: int
    start: F64
    step: Float

    def resample(self, map_GG: F32) -> F32:
        """A map of the crop's cells on the box's pixels, (h, w), bilinear."""
        matrix = np.array([[self.step[0], 0, self.start[0]], [0, self.step[1], self.start[1]]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        size = (self.w, self.h)
        return cast(F32, cv2.warpAffine(map_GG, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE))


class _Corners(NamedTuple):
    """The four grid cells around each of K pixels: flat index and bilinear weight; and the pixel's grid position."""

    cell_4K: I64
    weight_4K: F32
    row_K: F32
    column_K: F32


def integer_box(box_4: Float) -> tuple[int, int, int, int]:
    """x0, y0, w, h of the integer box grid: each truncated toward zero, sides at least 1 (facts §7)."""
    x0, y0 = int(box_4[0]), int(box_4[1])
    return x0, y0, max(int(box_4[2] - box_4[0]), 1), max(int(box_4[3] - box_4[1]), 1)


def cell_confidence(person_GG: F32, chart_GG: F32, calibration: Calibration) -> F32:
    """The probability that a cell's label is right.

    Where the network predicts the person: the calibrated probability of person and chart. Elsewhere: the probability of
    background. So a hidden body part is confident background, and the border of the person has low confidence.

    Args:
        person_GG: person logit.
        chart_GG: probability of the predicted chart, given a person.
    """
    person = logistic(person_GG)
    return np.where(person_GG > 0, calibration(person * chart_GG), 1 - person)


def _box_grid(cells: int, region_4: F32, box_4: F32) -> _BoxGrid:
    x0, y0, w, h = integer_box(box_4)
    step = cells / (region_4[2:] - region_4[:2])
    return _BoxGrid(x0, y0, w, h, (np.array([x0, y0]) + 0.5 - region_4[:2]) * step - 0.5, step)


def resample_silhouette(maps_LGG: F32, region_4: F32, box_4: F32, calibration: Calibration = NEUTRAL) -> Silhouette:
    """The silhouette and the confidence of `resample_surface` for the same arguments."""
    grid = _box_grid(maps_LGG.shape[-1], region_4, box_4)
    confidence_hw = grid.resample(cell_confidence(maps_LGG[0], maps_LGG[4], calibration))
    shown_hw = grid.resample(maps_LGG[0]) > PERSON_THRESHOLD
    return Silhouette(x0=grid.x0, y0=grid.y0, shown_hw=shown_hw, confidence_hw=confidence_hw.astype(np.float32))


def resample_surface(maps_LGG: F32, region_4: F32, box_4: F32, calibration: Calibration = NEUTRAL) -> SurfaceMap:
    """Resample the maps of a crop to the person's box grid.

    Args:
        maps_LGG: person logit, chart 1..24, U, V, probability of the chart (see `PickedSurface`).
        region_4: the region of the frame that the crop covers.
        box_4: the person's box.
        calibration: of the confidence.

    The silhouette follows the bilinear logit. Where the four cells around a pixel have one chart, U and V are bilinear.
    Elsewhere the chart with the largest bilinear weight wins, and U and V are extrapolated from its nearest cell
    (`uv_planes`). Uncertain U and V are first moved away from the middle of the chart (UV_STRETCH).
    """
    cells = maps_LGG.shape[-1]
    grid = _box_grid(cells, region_4, box_4)
    confidence_GG = cell_confidence(maps_LGG[0], maps_LGG[4], calibration)
    uv_2GG = _stretched(maps_LGG[2:4], confidence_GG)
    person_hw, u_hw, v_hw, confidence_hw = map(grid.resample, (maps_LGG[0], *uv_2GG, confidence_GG))
    chart_GG = maps_LGG[1].astype(np.uint8)
    x_w, y_h = (grid.start[axis] + grid.step[axis] * np.arange(side) for axis, side in enumerate((grid.w, grid.h)))
    labels_hw = chart_GG[_nearest(y_h, cells)][:, _nearest(x_w, cells)]
    shown_hw = person_hw > PERSON_THRESHOLD
    mixed_hw = _mixed_pixels(chart_GG, x_w, y_h) & shown_hw
    corners = _corners(x_w, y_h, mixed_hw, cells)
    labels_hw[mixed_hw], u_hw[mixed_hw], v_hw[mixed_hw] = _vote(maps_LGG[1], uv_2GG, corners)
    labels_hw[~shown_hw] = 0
    uv_2hw: F32 = np.stack([u_hw, v_hw]) * shown_hw
    return SurfaceMap(
        x0=grid.x0, y0=grid.y0, labels_hw=labels_hw, uv_2hw=uv_2hw, confidence_hw=confidence_hw.astype(np.float32)
    )


def _stretched(uv_2GG: F32, confidence_GG: F32) -> F32:
    """U and V moved away from the middle of their chart (see `UV_STRETCH`)."""
    return np.clip(0.5 + (uv_2GG - 0.5) * (1 + UV_STRETCH * (1 - confidence_GG)), 0, 1)


def _nearest(position: F64, cells: int) -> I64:
    """The nearest cells to positions on an axis with this many cells; outside of it the first or the last cell."""
    return np.clip(np.floor(position + 0.5), 0, cells - 1).astype(np.int64)


def _below(position: F64, cells: int) -> tuple[I64, F32]:
    """The cell at or before a grid position, and the distance of the position from it (0..1)."""
    position = np.clip(position, 0, cells - 1)
    low = np.minimum(position.astype(np.int64), cells - 2)
    return low, (position - low).astype(np.float32)


def _mixed_pixels(chart_GG: U8, x_w: F64, y_h: F64) -> Bool:
    """Pixels (h,w) whose four cells do not all have the same chart."""
    a, b, c, d = chart_GG[:-1, :-1], chart_GG[:-1, 1:], chart_GG[1:, :-1], chart_GG[1:, 1:]
    mixed = (a != b) | (a != c) | (a != d)
    cells = len(chart_GG)
    return mixed[_below(y_h, cells)[0]][:, _below(x_w, cells)[0]]


def _corners(x_w: F64, y_h: F64, mask_hw: Bool, cells: int) -> _Corners:
    row, column = np.nonzero(mask_hw)
    left, right_share = _below(x_w, cells)
    top, low_share = _below(y_h, cells)
    first = top[row] * cells + left[column]
    fx, fy = right_share[column], low_share[row]
    cell_4K = np.stack([first, first + 1, first + cells, first + cells + 1])
    weight_4K = np.stack([(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy])
    return _Corners(cell_4K, weight_4K, top[row] + fy, left[column] + fx)


def _vote(chart_GG: F32, uv_2GG: F32, corners: _Corners) -> tuple[U8, F32, F32]:
    """Chart, U and V (K) of pixels between cells of different charts."""
    chart_4K = chart_GG.reshape(-1)[corners.cell_4K]
    support_4K = ((chart_4K[:, None] == chart_4K[None]) * corners.weight_4K[None]).sum(1)
    chart_K = np.take_along_axis(chart_4K, support_4K.argmax(0)[None], 0)[0]
    nearest_K = (corners.weight_4K * (chart_4K == chart_K)).argmax(0)[None]
    cell_K = np.take_along_axis(corners.cell_4K, nearest_K, 0)[0]
    plane_32K = uv_planes(chart_GG, uv_2GG).reshape(3, 2, -1)[:, :, cell_K]
    return chart_K.astype(np.uint8), *uv_at(plane_32K, corners.row_K, corners.column_K)
