"""From cells back to pixels: brings the fused estimate of a person to every pixel of the network's surface."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from models.arrays import Index
from stages.payloads import F32, U8, Float, PersonSurface
from stages.people.optical_flow import CellGrid
from stages.people.surface_estimate import EstimateLayers, SurfaceEstimate

Values = npt.NDArray[Any]

CELL_PAIRS = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
"""The pairs of the four cells around a corner; cells are numbered upper left, upper right, lower left, lower right."""


def apply_estimate(surface: PersonSurface, measured: SurfaceEstimate, fused: EstimateLayers) -> PersonSurface:
    """The network's surface, changed by the fused estimate at every pixel.

    The silhouette stays the network's, except where whole cells changed between person and background. Chart borders
    are those of the estimate, drawn smoothly. UV is the pixel's own value plus the interpolated change of its cells;
    where the chart differs, it is the value of the cell.

    Args:
        surface: the network's surface.
        measured: `estimate_from` it.
        fused: the measured estimate after fusion with other frames.
    """
    kind, grid, fused_uv = surface.uv_2hw.dtype, measured.grid, (fused.u_hw, fused.v_hw)
    if grid.step == 1:
        inside_hw = fused.labels_hw > 0
        uv_2hw = np.stack([axis_hw * inside_hw for axis_hw in fused_uv]).astype(kind, copy=False)
        return with_labels(surface, fused.labels_hw, uv_2hw)
    labels_hw, uv_2hw = surface.labels_hw.copy(), surface.uv_2hw.astype(np.float32)
    same_hw = cv2.compare(measured.labels_hw, fused.labels_hw, cv2.CMP_EQ)
    for axis_hw, fused_hw, measured_hw in zip(uv_2hw, fused_uv, cv2.split(measured.values_hw4), strict=False):
        change_hw = cv2.copyTo(cv2.subtract(fused_hw, measured_hw), same_hw)
        cv2.add(axis_hw, to_pixels(change_hw, surface, grid, cv2.INTER_LINEAR), axis_hw, surface.labels_hw)
    charts = charts_to_pixels(fused.labels_hw, fused_uv, surface, grid)
    relabelled_hw = _relabelled(surface, measured, fused, charts[0])
    for layer_hw, label_hw in zip((labels_hw, *uv_2hw), charts, strict=True):
        cv2.copyTo(label_hw, relabelled_hw, layer_hw)
    return with_labels(surface, labels_hw, uv_2hw.astype(kind, copy=False))


def with_labels(surface: PersonSurface, labels_hw: U8, uv_2hw: Float) -> PersonSurface:
    """The surface with other labels and UV; its mask, if it has one, changes where labels come or go."""
    mask_hw = surface.mask_hw
    if mask_hw is not None:
        was_hw, is_hw = surface.labels_hw > 0, labels_hw > 0
        mask_hw = np.where(was_hw == is_hw, mask_hw, is_hw)
    return replace(surface, labels_hw=labels_hw, uv_2hw=uv_2hw, mask_hw=mask_hw)


def to_pixels(cells_hw: Values, surface: PersonSurface, grid: CellGrid, interpolation: int) -> Values:
    """Resize values of cells to the pixels of the surface; `interpolation`: a constant of OpenCV."""
    return _cropped(
        np.asarray(cv2.resize(cells_hw, None, fx=grid.step, fy=grid.step, interpolation=interpolation)), surface, grid
    )


def charts_to_pixels(labels_hw: U8, uv_hw: tuple[F32, F32], surface: PersonSurface, grid: CellGrid) -> list[Values]:
    """Label, U and V of each pixel from its cell, with smooth borders between charts.

    A pixel takes its nearest cell. Where charts meet, each pixel between the centres of four cells takes the chart with
    the greatest sum of bilinear weights, so that a border moves by parts of a cell, not by whole cells.

    Args:
        labels_hw, uv_hw: of the cells.
        surface, grid: the pixels, and the cells that cover them.
    """
    step, wide = grid.step, grid.width * grid.step
    layers: list[Values] = [labels_hw, *uv_hw]
    spread_hw = [cv2.resize(one, None, fx=step, fy=step, interpolation=cv2.INTER_NEAREST_EXACT) for one in layers]
    row_K, column_K = np.nonzero(_charts_meet(labels_hw))
    corner_K4 = (row_K * grid.width + column_K)[:, None] + np.array([0, 1, grid.width, grid.width + 1])
    label_K4 = labels_hw.take(corner_K4)
    pattern_K = np.zeros(len(row_K), np.intp)
    for k, (i, j) in enumerate(CELL_PAIRS):
        pattern_K |= (label_K4[:, i] == label_K4[:, j]).astype(np.intp) << k
    nearest_KP = _nearest_of_majority(step).take(pattern_K, axis=0)
    inside_P = np.add.outer((np.arange(step) + step // 2) * wide, np.arange(step) + step // 2).ravel()
    pixel_KP = ((row_K * wide + column_K) * step)[:, None] + inside_P
    cell_KP = corner_K4.take(nearest_KP + 4 * np.arange(len(row_K))[:, None])
    for whole_hw, layer_hw in zip(spread_hw, layers, strict=True):
        whole_hw.put(pixel_KP, layer_hw.take(cell_KP))
    return [_cropped(whole_hw, surface, grid) for whole_hw in spread_hw]


def _charts_meet(labels_hw: U8) -> npt.NDArray[np.bool_]:
    """Whether two charts meet among each four cells around a corner, (H − 1, W − 1); background is no chart."""
    most_hw = cv2.max(labels_hw[:, :-1], labels_hw[:, 1:])
    charts_hw = labels_hw - np.uint8(1)  # background becomes the highest label
    least_hw = cv2.min(charts_hw[:, :-1], charts_hw[:, 1:])
    most_hw, least_hw = cv2.max(most_hw[:-1], most_hw[1:]), cv2.min(least_hw[:-1], least_hw[1:])
    return np.asarray(most_hw - np.uint8(1) != least_hw)


@lru_cache(maxsize=64)
def _nearest_of_majority(step: int) -> Index:
    """The cell of each pixel between four cells, by pattern of equal labels among them (bits: CELL_PAIRS).

    (64, step²): among the cells of the label with the greatest sum of bilinear weights, the nearest.
    """
    off_S = (np.arange(step) + (0.0 if step % 2 else 0.5)) / step
    y, x = np.meshgrid(off_S, off_S, indexing="ij")
    weight_4SS = np.stack([(1 - y) * (1 - x), (1 - y) * x, y * (1 - x), y * x])
    found_64P = np.zeros((64, step * step), np.intp)
    for pattern in range(64):
        appearance_similarity = np.eye(4)
        for k, (i, j) in enumerate(CELL_PAIRS):
            appearance_similarity[i, j] = appearance_similarity[j, i] = pattern >> k & 1
        np.fill_diagonal(appearance_similarity, 1)
        support_4SS = np.tensordot(appearance_similarity, weight_4SS, 1)
        found_64P[pattern] = (support_4SS + 1e-3 * weight_4SS).argmax(axis=0).ravel()
    return found_64P


def _cropped(pixels_hw: Values, surface: PersonSurface, grid: CellGrid) -> Values:
    """The part of an upsampled grid that is the surface."""
    height, width = surface.labels_hw.shape
    down, right = surface.y0 - grid.y0, surface.x0 - grid.x0
    return pixels_hw[down : down + height, right : right + width]


def _relabelled(surface: PersonSurface, measured: SurfaceEstimate, fused: EstimateLayers, label_hw: U8) -> U8:
    """Not 0 at pixels that take the estimate's label: another chart, or cells that became person or background."""
    relabelled_hw = cv2.min(cv2.compare(label_hw, surface.labels_hw, cv2.CMP_NE), cv2.min(label_hw, surface.labels_hw))
    sides_hw = cv2.compare(_silhouette(measured.labels_hw), _silhouette(fused.labels_hw), cv2.CMP_NE)
    if sides_hw.any():
        relabelled_hw = cv2.max(relabelled_hw, to_pixels(sides_hw, surface, measured.grid, cv2.INTER_NEAREST_EXACT))
    return np.asarray(relabelled_hw, np.uint8)


def _silhouette(labels_hw: U8) -> U8:
    return np.asarray(cv2.threshold(labels_hw, 0, 1, cv2.THRESH_BINARY)[1], np.uint8)
