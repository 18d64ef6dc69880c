"""Flattening of charts: multidimensional scaling of geodesics (Güler et al. 2018), and landmark fits of islands."""
from __future__ import annotations

from typing import Any

import numpy as np

from tools.baking.cut import mesh_edges


def scaled_plane(point_V3: np.ndarray, face_F3: np.ndarray, *, steps: int = 40) -> np.ndarray:
    """Plane coordinates (V, 2) in metres of a disc: classical MDS of geodesics, then `steps` iterations of SMACOF."""
    from scipy.sparse.csgraph import dijkstra

    distance = dijkstra(_short_paths(point_V3, face_F3), directed=False)
    squared = distance**2
    centred = -0.5 * (squared - squared.mean(0) - squared.mean(1)[:, None] + squared.mean())
    value, vector = np.linalg.eigh(centred)
    plane = vector[:, -2:] * np.sqrt(np.maximum(value[-2:], 0))
    weight = 1.0 / np.maximum(distance, 1e-3)  # near pairs have more weight: local shape is more important
    np.fill_diagonal(weight, 0)
    laplacian = np.diag(weight.sum(1)) - weight
    inverse = np.linalg.pinv(laplacian, hermitian=True)
    for _ in range(steps):
        apart = np.linalg.norm(plane[:, None] - plane[None], axis=-1)
        ratio = -weight * np.divide(distance, apart, out=np.zeros_like(apart), where=apart > 1e-12)
        np.fill_diagonal(ratio, 0)
        np.fill_diagonal(ratio, -ratio.sum(1))
        plane = inverse @ (ratio @ plane)
    return plane


def _short_paths(point_V3: np.ndarray, face_F3: np.ndarray) -> Any:
    """Edges, and for each inner edge the straight path between its two opposite vertices over the unfolded faces."""
    from scipy.sparse import coo_matrix

    edge_E2, edge_of_F3 = mesh_edges(face_F3)
    length_E = np.linalg.norm(point_V3[edge_E2[:, 0]] - point_V3[edge_E2[:, 1]], axis=1)
    order = np.argsort(edge_of_F3.ravel(), kind="stable")
    edge = edge_of_F3.ravel()[order]
    opposite = face_F3[:, [2, 0, 1]].ravel()[order]
    pair = np.flatnonzero(edge[1:] == edge[:-1])
    a, b, e = opposite[pair], opposite[pair + 1], edge[pair]
    p, q = point_V3[edge_E2[e, 0]], point_V3[edge_E2[e, 1]]
    along = (q - p) / length_E[e][:, None]
    xa, xb = ((point_V3[a] - p) * along).sum(1), ((point_V3[b] - p) * along).sum(1)
    ya = np.linalg.norm(point_V3[a] - p - xa[:, None] * along, axis=1)
    yb = np.linalg.norm(point_V3[b] - p - xb[:, None] * along, axis=1)
    cross = xa + (xb - xa) * ya / (ya + yb)
    inside = (cross > 0) & (cross < length_E[e])
    chord = np.hypot(xa - xb, ya + yb)[inside]
    rows = np.concatenate([edge_E2[:, 0], a[inside]])
    columns = np.concatenate([edge_E2[:, 1], b[inside]])
    return coo_matrix((np.concatenate([length_E, chord]), (rows, columns)), shape=(len(point_V3),) * 2).tocsr()


def oriented_unit(
    plane_V2: np.ndarray, point_V3: np.ndarray, face_F3: np.ndarray, u_direction: np.ndarray, v_direction: np.ndarray
) -> np.ndarray:
    """Rotate (and mirror) a plane so that U and V grow along the given directions in space; then scale to [0,1]²."""
    u_field, v_field = (point_V3 - point_V3.mean(0)) @ u_direction, (point_V3 - point_V3.mean(0)) @ v_direction
    centred = plane_V2 - plane_V2.mean(0)
    gradient = np.linalg.lstsq(centred, np.stack([u_field, v_field], axis=1), rcond=None)[0]
    left, _, right = np.linalg.svd(gradient)
    rotated = centred @ (left @ right)
    if signed_area(rotated, face_F3).sum() * np.linalg.det(gradient) * signed_area(centred, face_F3).sum() < 0:
        raise ValueError("a chart is mirrored: its directions of U and V do not span its plane")
    return (rotated - rotated.min(0)) / np.ptp(rotated, axis=0)


def signed_area(uv_V2: np.ndarray, face_F3: np.ndarray) -> np.ndarray:
    """Signed area of each face in UV."""
    a, b, c = (uv_V2[face_F3[:, k]] for k in range(3))
    return 0.5 * ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])


def landmark_fit(
    uv_N2: np.ndarray, source_L2: np.ndarray, target_L2: np.ndarray, *, stiffness: float
) -> np.ndarray:
    """Apply a thin-plate spline from source to target landmarks to points; stiffness → ∞ is the affine fit."""
    count = len(source_L2)
    kernel = _thin_plate(source_L2, source_L2) + stiffness * np.eye(count)
    affine = np.concatenate([np.ones((count, 1)), source_L2], axis=1)
    system = np.block([[kernel, affine], [affine.T, np.zeros((3, 3))]])
    solution = np.linalg.solve(system, np.concatenate([target_L2, np.zeros((3, 2))]))
    bent = _thin_plate(uv_N2, source_L2) @ solution[:count]
    return bent + np.concatenate([np.ones((len(uv_N2), 1)), uv_N2], axis=1) @ solution[count:]


def _thin_plate(a_N2: np.ndarray, b_M2: np.ndarray) -> np.ndarray:
    squared = ((a_N2[:, None] - b_M2[None]) ** 2).sum(-1)
    return squared * np.log(np.maximum(squared, 1e-12)) / 2
