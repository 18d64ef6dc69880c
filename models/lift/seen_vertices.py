"""Finds the visible vertices of the low-poly body in a predicted surface, and their image points."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np
from scipy.spatial import cKDTree

from models.arrays import F32, F64, Bool, Float, Int
from models.body.low_poly import load_low_poly
from models.body.open_body import load_body
from models.surface.chart_lookup import CHARTS, corner_mean, open_body_lookup
from models.surface.charted_mesh import open_body_mesh
from models.surface.keypoints import OnGrid

UV_CELLS = 32
"""Number of cells along U, and along V, of a chart."""
NEAREST = 4
"""The pixels of a cell contribute to this number of vertices: the nearest ones in the rest pose."""
NEAR_M, MIN_WEIGHT = 0.03, 0.05
"""The weight of a pixel for a vertex is a Gaussian of their distance in the rest pose: its standard deviation in
metres, and the weight below which it is 0."""
MIN_PIXELS, MIN_SHARE = 0.2, 0.15
"""A vertex is visible if the sum of its pixels' weights exceeds the first number, and the second number times the
median sum."""


class SurfaceWithConfidence(OnGrid, Protocol):
    """A surface on a grid with its confidence."""

    @property
    def confidence_hw(self) -> Float | None:
        """0..1, or None if unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenVertices:
    """Which of the L vertices are visible, and their image points in pixels of the frame."""

    seen_L: Bool
    pixel_L2: F64


def seen_vertices(surface: SurfaceWithConfidence) -> SeenVertices:
    """The visible vertices of a surface. Their image points are means of near pixels, weighted by confidence."""
    y_M, x_M = np.nonzero(surface.labels_hw)
    uv_M2 = surface.uv_2hw[:, y_M, x_M].T.astype(np.float64)
    cell_M2 = np.minimum((uv_M2.clip(0, 1) * UV_CELLS).astype(int), UV_CELLS - 1)
    cell_M = ((surface.labels_hw[y_M, x_M].astype(int) - 1) * UV_CELLS + cell_M2[:, 1]) * UV_CELLS + cell_M2[:, 0]
    vertex_QK, weight_QK = _vertices_of_cells()
    weight_MK = weight_QK[cell_M]
    if surface.confidence_hw is not None:
        weight_MK = weight_MK * surface.confidence_hw[y_M, x_M, None].astype(np.float64)
    vertices = len(load_low_poly().vertex_L)
    total_L, column_L, row_L = (
        np.bincount(vertex_QK[cell_M].ravel(), (weight_MK * value_M[:, None]).ravel(), vertices)
        for value_M in (np.ones(len(x_M)), x_M + surface.x0 + 0.5, y_M + surface.y0 + 0.5)
    )
    visible_L = total_L > MIN_PIXELS
    median = float(np.median(total_L[visible_L])) if visible_L.any() else 0.0
    pixel_L2 = np.stack([column_L, row_L], axis=1) / np.maximum(total_L, 1e-9)[:, None]
    return SeenVertices(seen_L=visible_L & (total_L > MIN_SHARE * median), pixel_L2=pixel_L2)


@cache
def _vertices_of_cells() -> tuple[Int, F32]:
    """The K nearest vertices of each cell of the charts, and the cell's weights for them: (24 · UV_CELLS², K)."""
    grid = (np.arange(UV_CELLS) + 0.5) / UV_CELLS
    chart, v, u = np.meshgrid(np.arange(1, CHARTS + 1), grid, grid, indexing="ij")
    rest_V3 = load_body().mean_V3
    cell_Q3 = corner_mean(rest_V3, open_body_mesh(), open_body_lookup()(chart.ravel(), u.ravel(), v.ravel()))
    distance_QK, vertex_QK = cKDTree(rest_V3[load_low_poly().vertex_L]).query(cell_Q3, NEAREST)
    weight_QK = np.exp(-np.square(distance_QK) / (2 * NEAR_M**2))
    return vertex_QK, np.where(weight_QK > MIN_WEIGHT, weight_QK, 0).astype(np.float32)
