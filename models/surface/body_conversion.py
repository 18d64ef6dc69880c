"""Places on DensePose's charts as places on the open body, whose charts follow DensePose's numbers, axes and outlines.

Without DensePose's own charts a place keeps its chart, U and V. With them (`UV_Processed.mat`, which a user provides)
the charts are also stitched: their vertices, put on the open body, are moved so that the two sides of a border between
charts meet, while all edges keep their length and direction as far as they can (as in mesh editing by Yu et al.,
SIGGRAPH 2004). Hands, feet and head hardly move: there the charts agree at landmarks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from scipy.sparse import coo_matrix, diags
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from models.arrays import F32, Float, Int
from models.surface.chart_lookup import ChartLookup, corner_mean, open_body_lookup
from models.surface.charted_mesh import ChartedMesh, open_body_mesh
from models.surface.smpl_files import read_densepose_charts

Places = tuple[Int, Float, Float]
"""Charts, U and V of M places."""
Conversion = Callable[[Int, Float, Float], Places]
ENDS = (3, 4, 5, 6, 23, 24)
"""Charts of hands, feet and head."""
LOOSE, FIRM = 0.1, 10.0
"""How firmly a vertex is held where its own chart puts it, beside 1 for each edge."""
GRAIN = 4
"""The open body is sampled at quarters of its faces' sides: about 2 mm."""


def conversion_to_open_body(folder: Path | None) -> Conversion:
    """The conversion of places on DensePose's charts.

    Args:
        folder: has `UV_Processed.mat`; None: charts are not stitched.

    Raises: ModelError for a file that is missing or damaged.
    """
    if folder is None:
        return same_chart
    charts = read_densepose_charts(folder)
    lookup, vertex_K3 = ChartLookup(charts), stitched(charts)

    def convert(chart_M: Int, u_M: Float, v_M: Float) -> Places:
        return nearest_places(corner_mean(vertex_K3, charts, lookup(chart_M, u_M, v_M)))

    return convert


def same_chart(chart_M: Int, u_M: Float, v_M: Float) -> Places:
    """The places of equal chart, U and V; one beside the chart's outline moves onto it. Charts are 1..24."""
    mesh, points = open_body_mesh(), open_body_lookup()(chart_M, u_M, v_M)
    uv_M2 = np.einsum("mk,mkx->mx", points.weight_M3, mesh.corner_uv_F32[points.face_M])
    return mesh.chart_F[points.face_M].astype(np.int64), uv_M2[:, 0], uv_M2[:, 1]


def stitched(charts: ChartedMesh) -> F32:
    """Chart vertices (K, 3) on the open body at rest, metres. `charts`: `twin_V` numbers the body's vertices."""
    face_F3 = charts.face_F3
    chart_K, uv_K2 = np.zeros(len(charts.vertex_V3), np.int64), np.zeros((len(charts.vertex_V3), 2))
    chart_K[face_F3] = charts.chart_F[:, None]
    uv_K2[face_F3] = charts.corner_uv_F32
    mesh = open_body_mesh()
    own_K3 = corner_mean(mesh.vertex_V3, mesh, open_body_lookup()(chart_K, uv_K2[:, 0], uv_K2[:, 1])).astype(np.float64)
    ends = np.concatenate([face_F3[:, [0, 1]], face_F3[:, [1, 2]], face_F3[:, [2, 0]]])
    edge_E2 = np.unique(np.sort(ends, axis=1), axis=0)
    count, vertices, rows = len(edge_E2), int(charts.twin_V.max()) + 1, np.arange(len(edge_E2))
    at_E2 = charts.twin_V[edge_E2]
    signs = np.concatenate([np.ones(count), -np.ones(count)])
    edges = coo_matrix((signs, (np.tile(rows, 2), at_E2.T.ravel())), shape=(count, vertices)).tocsr()
    copies = coo_matrix(
        (np.ones(len(chart_K)), (np.arange(len(chart_K)), charts.twin_V)), shape=(len(chart_K), vertices)
    ).tocsr()
    held = diags(np.where(np.isin(chart_K, ENDS), FIRM, LOOSE))
    known_E3 = own_K3[edge_E2[:, 0]] - own_K3[edge_E2[:, 1]]
    # Vertices of the body that no chart has stay at 0.
    system = edges.T @ edges + copies.T @ held @ copies + 1e-9 * diags(np.ones(vertices))
    moved_V3 = splu(system.tocsc()).solve(edges.T @ known_E3 + copies.T @ (held @ own_K3))
    return moved_V3[charts.twin_V].astype(np.float32)


def nearest_places(point_M3: Float) -> Places:
    """The places of the open body at rest that are nearest to points, metres."""
    tree, chart_S, uv_S2 = _samples()
    _, near_M = tree.query(point_M3)
    return chart_S[near_M], uv_S2[near_M, 0], uv_S2[near_M, 1]


@cache
def _samples() -> tuple[cKDTree, Int, Float]:
    """Samples of the open body at rest: a tree of their points, charts, and U, V (S, 2)."""
    mesh = open_body_mesh()
    weights = [(i, j, GRAIN - i - j) for i in range(GRAIN + 1) for j in range(GRAIN + 1 - i)]
    weight_N3 = np.array(weights, np.float64) / GRAIN
    point_S3 = np.einsum("nk,fkx->fnx", weight_N3, mesh.vertex_V3[mesh.face_F3]).reshape(-1, 3)
    uv_S2 = np.einsum("nk,fkx->fnx", weight_N3, mesh.corner_uv_F32).reshape(-1, 2)
    return cKDTree(point_S3), np.repeat(mesh.chart_F.astype(np.int64), len(weight_N3)), uv_S2
