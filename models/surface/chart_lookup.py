"""Lookup of surface points: from chart, U and V to face and barycentric weights, without crossing seams."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.spatial import cKDTree

from models.arrays import F32, U8, Float, Int
from models.surface.charted_mesh import ChartedMesh, open_body_mesh

CHARTS = 24
CELLS = 128
"""Cells of the search grid along U and V of a chart; a cell overlaps two or three faces."""
BORDER_STEP = 1 / 256
BORDER_CANDIDATES = 4
INSIDE = -1e-5
"""Minimum barycentric weight of a point inside a face; the tolerance avoids cracks between faces by rounding."""
CHART_GAP = 10.0
"""Distance between charts in the search tree of all borders; UV distances inside a chart are below 1.5."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfacePoints:
    """M points: faces (−1: no point) and barycentric weights of the three corners."""

    face_M: Int
    weight_M3: F32


class ChartLookup:
    """Finds the surface point at (chart, U, V), or the nearest point of that chart in UV.

    Inside the chart the face is exact: candidates come from a grid of `CELLS`² cells per chart, and each is tested.
    Outside, the nearest point of the chart's outline (borders of islands and seams) is used, so nothing is
    interpolated between two islands.
    """

    def __init__(self, mesh: ChartedMesh) -> None:
        self._mesh = mesh
        self._corner_F32 = mesh.corner_uv_F32.astype(np.float64)
        self._start_C, self._face_E = _grid(self._corner_F32, mesh.chart_F)
        self._border_B, self._ends_B22, self._sample_B, self._tree = _outline(mesh)

    def __call__(self, chart_M: Int, u_M: Float, v_M: Float) -> SurfacePoints:
        """Surface points of M chart points; charts outside of 1..24 and UV that is not finite give face −1."""
        chart_M = np.asarray(chart_M).astype(np.int64)
        uv_M2 = np.stack([u_M, v_M], axis=-1).astype(np.float64)
        known = (chart_M >= 1) & (chart_M <= CHARTS) & np.isfinite(uv_M2).all(axis=1)
        face_M, weight_M3 = np.full(len(chart_M), -1, np.int64), np.zeros((len(chart_M), 3))
        searched = np.flatnonzero(known & (uv_M2 >= 0).all(axis=1) & (uv_M2 <= 1).all(axis=1))
        face_M[searched], weight_M3[searched] = self._inside(chart_M[searched], uv_M2[searched])
        rest = np.flatnonzero(known & (face_M < 0))
        if len(rest):
            face_M[rest], weight_M3[rest] = self._on_outline(chart_M[rest], uv_M2[rest])
        return SurfacePoints(face_M=face_M, weight_M3=weight_M3.astype(np.float32))

    def _inside(self, chart_M: Int, uv_M2: Float) -> tuple[Int, Float]:
        """Faces that contain the points (−1: none) and weights: of the first candidate that contains a point."""
        cell_M = _cell(chart_M, uv_M2)
        start_M, count_M = self._start_C[cell_M], self._start_C[cell_M + 1] - self._start_C[cell_M]
        face_M, weight_M3 = np.full(len(chart_M), -1, np.int64), np.zeros((len(chart_M), 3))
        # Most points lie in their first candidate; those that do not test all others together.
        for first, last_M in ((0, np.minimum(count_M, 1)), (1, count_M)):
            open_K = np.flatnonzero((face_M < 0) & (last_M > first))
            more_K = last_M[open_K] - first
            point_E = np.repeat(open_K, more_K)
            rank_E = first + np.arange(len(point_E)) - np.repeat(np.cumsum(more_K) - more_K, more_K)
            candidate_E = self._face_E[start_M[point_E] + rank_E]
            weight_E3 = _weights(uv_M2[point_E], self._corner_F32[candidate_E])
            hit_E = np.flatnonzero(weight_E3.min(axis=1) >= INSIDE)
            found_K, at_K = np.unique(point_E[hit_E], return_index=True)
            face_M[found_K] = candidate_E[hit_E[at_K]]
            weight_M3[found_K] = np.clip(weight_E3[hit_E[at_K]], 0, 1)
        return face_M, weight_M3

    def _on_outline(self, chart_M: Int, uv_M2: Float) -> tuple[Int, Float]:
        """The nearest point of the chart's outline."""
        _, sample_MK = self._tree.query(_apart(chart_M, uv_M2), k=BORDER_CANDIDATES)
        edge_MK = self._sample_B[sample_MK]
        start_MK2, edge_MK2 = self._ends_B22[edge_MK, 0], np.diff(self._ends_B22[edge_MK], axis=2)[:, :, 0]
        offset_MK2 = uv_M2[:, None] - start_MK2
        squared_MK = np.maximum((edge_MK2**2).sum(-1), 1e-24)
        share_MK = np.clip((offset_MK2 * edge_MK2).sum(-1) / squared_MK, 0, 1)
        gap_MK = ((offset_MK2 - share_MK[..., None] * edge_MK2) ** 2).sum(-1)
        best_M = gap_MK.argmin(axis=1)
        row_M = np.arange(len(uv_M2))
        face_M, side_M = np.divmod(self._border_B[edge_MK[row_M, best_M]], 3)
        weight_M3 = np.zeros((len(uv_M2), 3))
        weight_M3[row_M, side_M] = 1 - share_MK[row_M, best_M]
        weight_M3[row_M, (side_M + 1) % 3] = share_MK[row_M, best_M]
        return face_M, weight_M3


@cache
def open_body_lookup() -> ChartLookup:
    """The lookup on the mean open body, made once."""
    return ChartLookup(open_body_mesh())


def corner_mean(value_V: Float, mesh: ChartedMesh, points: SurfacePoints) -> Float:
    """Values of vertices (V, …), interpolated at points (M, …); all points must have a face."""
    corner_M3 = mesh.face_F3[points.face_M]
    return np.einsum("mk,mk...->m...", points.weight_M3, value_V[corner_M3])


def _apart(chart_M: Int, uv_M2: Float) -> Float:
    return np.concatenate([chart_M[:, None] * CHART_GAP, uv_M2], axis=1)


def _cell(chart_M: Int, uv_M2: Float) -> Int:
    column_row_M2 = np.minimum((uv_M2 * CELLS).astype(np.int64), CELLS - 1)
    return ((chart_M - 1) * CELLS + column_row_M2[:, 1]) * CELLS + column_row_M2[:, 0]


def _weights(uv_M2: Float, corner_M32: Float) -> Float:
    """Barycentric weights of points in plane triangles; −inf for triangles without area."""
    a, b, c = corner_M32[:, 0], corner_M32[:, 1], corner_M32[:, 2]
    area = _cross(b - a, c - a)
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = np.stack([_cross(b - uv_M2, c - uv_M2), _cross(c - uv_M2, a - uv_M2)], axis=1) / area[:, None]
    weight_M3 = np.concatenate([weight, 1 - weight.sum(axis=1, keepdims=True)], axis=1)
    return np.where((area != 0)[:, None], weight_M3, -np.inf)


def _cross(a_M2: Float, b_M2: Float) -> Float:
    return a_M2[:, 0] * b_M2[:, 1] - a_M2[:, 1] * b_M2[:, 0]


def _grid(corner_F32: Float, chart_F: U8) -> tuple[Int, Int]:
    """Faces whose UV box overlaps each cell: offsets (cells + 1) into a list of faces, faces with larger boxes last."""
    low_F2 = np.clip((corner_F32.min(axis=1) * CELLS).astype(np.int64), 0, CELLS - 1)
    high_F2 = np.clip((corner_F32.max(axis=1) * CELLS).astype(np.int64), 0, CELLS - 1)
    size_F2 = high_F2 - low_F2 + 1
    count_F = size_F2.prod(axis=1)
    face_E = np.repeat(np.arange(len(chart_F)), count_F)
    number_E = np.arange(len(face_E)) - np.repeat(np.cumsum(count_F) - count_F, count_F)
    row_E, column_E = np.divmod(number_E, size_F2[face_E, 0])
    chart_row_E = (chart_F[face_E].astype(np.int64) - 1) * CELLS + low_F2[face_E, 1] + row_E
    cell_E = chart_row_E * CELLS + low_F2[face_E, 0] + column_E
    order = np.lexsort((count_F[face_E], cell_E))
    start_C = np.searchsorted(cell_E[order], np.arange(CHARTS * CELLS * CELLS + 1))
    return start_C, face_E[order]


def _outline(mesh: ChartedMesh) -> tuple[Int, Float, Int, cKDTree]:
    """Border edges in UV: (3·face + side, UV of both ends, edge of each sample, search tree of the samples)."""
    faces = len(mesh.chart_F)
    place_F3 = _places(np.repeat(mesh.chart_F, 3), *mesh.corner_uv_F32.reshape(-1, 2).T).reshape(faces, 3)
    ends_E2 = np.stack([place_F3, np.roll(place_F3, -1, axis=1)], axis=2).reshape(-1, 2)
    edge_E = ends_E2.min(axis=1) * (3 * faces) + ends_E2.max(axis=1)
    _, first, count = np.unique(edge_E, return_index=True, return_counts=True)
    border_B = first[count == 1]
    uv_F32 = mesh.corner_uv_F32.astype(np.float64)
    start_B2, end_B2 = uv_F32.reshape(-1, 2)[border_B], np.roll(uv_F32, -1, axis=1).reshape(-1, 2)[border_B]
    pieces_B = np.ceil(np.linalg.norm(end_B2 - start_B2, axis=1) / BORDER_STEP).astype(np.int64) + 1
    sample_B = np.repeat(np.arange(len(border_B)), pieces_B)
    number = np.arange(len(sample_B)) - np.repeat(np.cumsum(pieces_B) - pieces_B, pieces_B)
    share = (number / np.maximum(pieces_B[sample_B] - 1, 1))[:, None]
    uv_S2 = start_B2[sample_B] * (1 - share) + end_B2[sample_B] * share
    tree = cKDTree(_apart(mesh.chart_F[border_B[sample_B] // 3].astype(np.int64), uv_S2))
    return border_B, np.stack([start_B2, end_B2], axis=1), sample_B, tree


def _places(chart_N: U8, u_N: Float, v_N: Float) -> Int:
    """Numbers of chart points, equal for equal points, in their order. `np.unique` of rows takes much longer."""
    order = np.lexsort((v_N, u_N, chart_N))
    sorted_3N = np.stack([chart_N[order], u_N[order], v_N[order]])
    place_N = np.zeros(len(order), np.int64)
    place_N[order[1:]] = np.cumsum((np.diff(sorted_3N, axis=1) != 0).any(axis=0))
    return place_N
