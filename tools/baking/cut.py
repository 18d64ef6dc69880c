"""Cuts a triangle mesh along the zero lines of scalar fields, so that chart borders are smooth."""
from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

SNAP = 0.04
"""An edge is not split nearer to one of its ends than this share of its length: this avoids slivers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfBody:
    """The left half of the body. Every vertex is a mixture of source vertices, so any attribute can be interpolated.

    mix_index_V2, mix_weight_V2: the two parents of a new vertex among the vertices that existed when it was created;
    original vertices refer to themselves. `mixture_matrix` resolves nested mixtures.
    """

    point_V3: np.ndarray
    face_F3: np.ndarray
    corner_uv_F32: np.ndarray
    part_F: np.ndarray
    mix_index_V2: np.ndarray
    mix_weight_V2: np.ndarray


def cut_along(body: HalfBody, field_V: np.ndarray, region_F: np.ndarray) -> HalfBody:
    """Split all edges of the faces in `region_F` where `field_V` changes sign; neighbour faces are split to match."""
    edge_E2, edge_of_F3 = mesh_edges(body.face_F3)
    a, b = field_V[edge_E2[:, 0]], field_V[edge_E2[:, 1]]
    with np.errstate(divide="ignore", invalid="ignore"):
        share_E = np.where(a != b, a / (a - b), 0.5)
    crossing_E = (a * b < 0) & (share_E > SNAP) & (share_E < 1 - SNAP)
    wanted = np.zeros(len(edge_E2), bool)
    wanted[np.unique(edge_of_F3[region_F])] = True
    split_E = np.flatnonzero(crossing_E & wanted)
    return split_edges(body, edge_E2, edge_of_F3, split_E, share_E[split_E])


def mesh_edges(face_F3: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Undirected edges (the vertex with the smaller index first), and for each face the indices of its edges 0-1, 1-2
    and 2-0."""
    pairs = np.sort(face_F3[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    edge_E2, inverse = np.unique(pairs, axis=0, return_inverse=True)
    return edge_E2, inverse.reshape(-1, 3)


def split_edges(
    body: HalfBody, edge_E2: np.ndarray, edge_of_F3: np.ndarray, split_E: np.ndarray, share_E: np.ndarray
) -> HalfBody:
    """Insert a vertex on each edge of `split_E`, at `share_E` of its length from its first vertex; divide the faces."""
    count = len(body.point_V3)
    middle_of = np.full(len(edge_E2), -1)
    middle_of[split_E] = count + np.arange(len(split_E))
    share_of = np.zeros(len(edge_E2))
    share_of[split_E] = share_E
    ends = edge_E2[split_E]
    weight = np.stack([1 - share_E, share_E], axis=1)
    point = np.concatenate([body.point_V3, (body.point_V3[ends] * weight[..., None]).sum(1)])
    touched_F = (middle_of[edge_of_F3] >= 0).any(axis=1)
    faces, uvs, parts = [body.face_F3[~touched_F]], [body.corner_uv_F32[~touched_F]], [body.part_F[~touched_F]]
    for f in np.flatnonzero(touched_F):
        corners = _with_middles(body.face_F3[f], body.corner_uv_F32[f], edge_E2[edge_of_F3[f], 0],
                                middle_of[edge_of_F3[f]], share_of[edge_of_F3[f]])
        for triangle in _fan(corners, point):
            faces.append(np.array([[vertex for vertex, _ in triangle]]))
            uvs.append(np.array([[uv for _, uv in triangle]]))
            parts.append(body.part_F[f : f + 1])
    return replace(
        body, point_V3=point, face_F3=np.concatenate(faces), corner_uv_F32=np.concatenate(uvs),
        part_F=np.concatenate(parts), mix_index_V2=np.concatenate([body.mix_index_V2, ends]),
        mix_weight_V2=np.concatenate([body.mix_weight_V2, weight]),
    )


def _with_middles(
    face_3: np.ndarray, uv_32: np.ndarray, low_3: np.ndarray, middle_3: np.ndarray, share_3: np.ndarray
) -> list[tuple[int, np.ndarray]]:
    """The corners of a face in order, with the new vertices between them."""
    corners: list[tuple[int, np.ndarray]] = []
    for k in range(3):
        corners.append((int(face_3[k]), uv_32[k]))
        if middle_3[k] >= 0:
            share = share_3[k] if face_3[k] == low_3[k] else 1 - share_3[k]
            corners.append((int(middle_3[k]), (1 - share) * uv_32[k] + share * uv_32[(k + 1) % 3]))
    return corners


def _fan(
    corners: list[tuple[int, np.ndarray]], point_V3: np.ndarray
) -> list[list[tuple[int, np.ndarray]]]:
    """Triangulate a triangle with vertices on its sides: repeatedly clip the ear with the shortest base among those
    whose area is not zero."""
    triangles = []
    while len(corners) > 3:
        best, best_length = 0, float("inf")
        for k in range(len(corners)):
            p, q, r = (point_V3[corners[(k + s) % len(corners)][0]] for s in (-1, 0, 1))
            area, base = np.linalg.norm(np.cross(q - p, r - p)), np.linalg.norm(r - p)
            if area > 1e-6 * base * base and base < best_length and _rest_has_area(corners, k, point_V3):
                best, best_length = k, float(base)
        triangles.append([corners[best - 1], corners[best], corners[(best + 1) % len(corners)]])
        corners = corners[:best] + corners[best + 1 :]
    return [*triangles, corners]


def _rest_has_area(corners: list[tuple[int, np.ndarray]], without: int, point_V3: np.ndarray) -> bool:
    """False if the rest after clipping would be three collinear points."""
    rest = [point_V3[vertex] for k, (vertex, _) in enumerate(corners) if k != without]
    if len(rest) > 3:
        return True
    return bool(np.linalg.norm(np.cross(rest[1] - rest[0], rest[2] - rest[0])) > 1e-9)


def mixture_matrix(body: HalfBody, originals: int) -> np.ndarray:
    """Dense matrix (V, originals): each vertex as a mixture of the original vertices."""
    rows = np.zeros((len(body.point_V3), originals))
    rows[np.arange(originals), np.arange(originals)] = 1
    for v in range(originals, len(rows)):
        rows[v] = body.mix_weight_V2[v] @ rows[body.mix_index_V2[v]]
    return rows
