"""Where in the picture a predicted surface shows the vertices of the low-poly body."""

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
"""Cells along U and V of a chart."""
NEAREST = 4
"""What is seen in a cell tells of so many vertices, the nearest on the body at rest."""
NEAR_M, LEAST_WEIGHT = 0.03, 0.05
"""Standard deviation of that distance, metres, and the least weight that counts."""
LEAST_PIXELS, LEAST_SHARE = 0.2, 0.15
"""Pixels that must tell of a seen vertex: so many, and so large a share of the usual number."""


class SureSurface(OnGrid, Protocol):
    """A surface on a grid with its confidence."""

    @property
    def confidence_hw(self) -> Float | None:
        """0..1, or None if unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenVertices:
    """Which of the L vertices are seen, and where, pixels of the frame."""

    seen_L: Bool
    pixel_L2: F64


def seen_vertices(surface: SureSurface) -> SeenVertices:
    """The mean place of the pixels that show the surroundings of each vertex, weighted by confidence."""
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
    told_L = total_L > LEAST_PIXELS
    usual = float(np.median(total_L[told_L])) if told_L.any() else 0.0
    pixel_L2 = np.stack([column_L, row_L], axis=1) / np.maximum(total_L, 1e-9)[:, None]
    return SeenVertices(seen_L=told_L & (total_L > LEAST_SHARE * usual), pixel_L2=pixel_L2)


@cache
def _vertices_of_cells() -> tuple[Int, F32]:
    """The nearest vertices of each cell of the charts, and how much the cell tells of them: (24 · UV_CELLS², K)."""
    grid = (np.arange(UV_CELLS) + 0.5) / UV_CELLS
    chart, v, u = np.meshgrid(np.arange(1, CHARTS + 1), grid, grid, indexing="ij")
    rest_V3 = load_body().mean_V3
    cell_Q3 = corner_mean(rest_V3, open_body_mesh(), open_body_lookup()(chart.ravel(), u.ravel(), v.ravel()))
    distance_QK, vertex_QK = cKDTree(rest_V3[load_low_poly().vertex_L]).query(cell_Q3, NEAREST)
    weight_QK = np.exp(-np.square(distance_QK) / (2 * NEAR_M**2))
    return vertex_QK, np.where(weight_QK > LEAST_WEIGHT, weight_QK, 0).astype(np.float32)
