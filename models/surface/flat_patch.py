"""Pieces of skin laid flat with as little distortion as possible, around a place of the body at rest.

As rigid as possible, triangle by triangle (Liu et al., 2008): lengths on the flat piece are those on the skin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix, csc_matrix
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import factorized

from models.arrays import F32, F64, Bool, Float, Index
from models.surface.charted_mesh import ChartedMesh

STEPS = 25
"""Rounds of rotations and positions; positions change by less than .1 mm after them."""
NEAR_M = 0.03
"""Skin within this distance states where a place faces."""
FACING = 0.0
"""Least cosine between the outward directions of a face and of the place: what is farther around is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkinPlace:
    """A place on the skin.

    Attributes:
        point_3: metres.
        outward_3, right_3, down_3: unit vectors: away from the body, and right and down for who looks at it.
    """

    point_3: F64
    outward_3: F64
    right_3: F64
    down_3: F64


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatPatch:
    """Skin around a place, laid flat: faces of the mesh, and where their corners lie.

    Attributes:
        face_K: faces.
        corner_K32: metres to the right of the place and below it.
    """

    face_K: Index
    corner_K32: F32


def place_on(
    mesh: ChartedMesh, origin_3: Sequence[float], outward_3: Sequence[float], down_3: Sequence[float],
    charts: Sequence[int],
) -> SkinPlace:  # fmt: skip
    """Where a ray from inside the body leaves it through one of some charts."""
    direction_3 = np.asarray(outward_3, np.float64) / np.linalg.norm(outward_3)
    face_K = np.flatnonzero(np.isin(mesh.chart_F, charts))
    a_K3, b_K3, c_K3 = np.moveaxis(mesh.vertex_V3[mesh.face_F3[face_K]].astype(np.float64), 1, 0)
    one_K3, other_K3, away_K3 = b_K3 - a_K3, c_K3 - a_K3, np.asarray(origin_3, np.float64) - a_K3
    across_K3 = np.cross(direction_3, other_K3)
    area_K = (one_K3 * across_K3).sum(axis=1)
    area_K[np.abs(area_K) < 1e-15] = np.inf
    turned_K3 = np.cross(away_K3, one_K3)
    second_K, third_K = (away_K3 * across_K3).sum(axis=1) / area_K, turned_K3 @ direction_3 / area_K
    reach_K = (other_K3 * turned_K3).sum(axis=1) / area_K
    reach_K[(second_K < 0) | (third_K < 0) | (second_K + third_K > 1)] = -np.inf
    point_3 = np.asarray(origin_3, np.float64) + reach_K.max() * direction_3
    return _facing(point_3, direction_3, np.array(down_3))


def moved_place(mesh: ChartedMesh, place: SkinPlace, offset_2: Float) -> SkinPlace | None:
    """The place some metres to the right and below on the skin; None where the skin has turned away before."""
    patch = flat_patch(mesh, place, 0.05 + 1.3 * float(np.hypot(*offset_2)))
    corner_K32 = patch.corner_K32.astype(np.float64)
    one_K2, other_K2 = corner_K32[:, 1] - corner_K32[:, 0], corner_K32[:, 2] - corner_K32[:, 0]
    away_K2 = np.asarray(offset_2, np.float64) - corner_K32[:, 0]
    area_K = _cross(one_K2, other_K2)
    area_K[np.abs(area_K) < 1e-15] = np.inf
    second_K, third_K = _cross(away_K2, other_K2) / area_K, _cross(one_K2, away_K2) / area_K
    share_K3 = np.stack([1 - second_K - third_K, second_K, third_K], axis=1)
    face = int(share_K3.min(axis=1).argmax())
    if share_K3[face].min() < -1e-6:
        return None
    corner_K33 = mesh.vertex_V3[mesh.face_F3[patch.face_K]].astype(np.float64)
    point_3 = share_K3[face] @ corner_K33[face]
    near_K = np.linalg.norm(corner_K33.mean(axis=1) - point_3, axis=1) < NEAR_M
    near_K[face] = True
    return _facing(point_3, _doubled_normals(corner_K33)[near_K].sum(axis=0), place.down_3)


def _facing(point_3: F64, outward_3: Float, down_3: Float) -> SkinPlace:
    """A place from directions that need not be perpendicular or of unit length."""
    direction_3 = np.asarray(outward_3, np.float64) / np.linalg.norm(outward_3)
    sought_3 = np.asarray(down_3, np.float64) - direction_3 * (np.asarray(down_3, np.float64) @ direction_3)
    sought_3 /= np.linalg.norm(sought_3)
    return SkinPlace(point_3=point_3, outward_3=direction_3, right_3=np.cross(direction_3, sought_3), down_3=sought_3)


def _doubled_normals(corner_F33: F64) -> F64:
    """Outward normals of faces, as long as twice their area."""
    return np.cross(corner_F33[:, 1] - corner_F33[:, 0], corner_F33[:, 2] - corner_F33[:, 0])


def _cross(a_K2: F64, b_K2: F64) -> F64:
    return np.asarray(a_K2[:, 0] * b_K2[:, 1] - a_K2[:, 1] * b_K2[:, 0])


def flat_patch(mesh: ChartedMesh, place: SkinPlace, reach_m: float) -> FlatPatch:
    """The connected skin within a distance of a place that faces its way, laid flat."""
    corner_F33 = mesh.vertex_V3[mesh.face_F3].astype(np.float64)
    normal_F3 = _doubled_normals(corner_F33)
    normal_F3 /= np.maximum(np.linalg.norm(normal_F3, axis=1, keepdims=True), 1e-12)
    away_F = np.linalg.norm(corner_F33.mean(axis=1) - place.point_3, axis=1)
    face_K = np.flatnonzero((normal_F3 @ place.outward_3 > FACING) & (away_F < reach_m))
    face_K = face_K[_connected(mesh, face_K, int(away_F[face_K].argmin()))]
    vertex_N, index_K3 = np.unique(mesh.face_F3[face_K], return_inverse=True)
    index_K3 = index_K3.reshape(-1, 3)
    offset_N3 = mesh.vertex_V3[vertex_N] - place.point_3
    start_N2 = np.stack([offset_N3 @ place.right_3, offset_N3 @ place.down_3], axis=1)
    flat_N2 = _as_rigid_as_possible(offset_N3.astype(np.float64), index_K3, start_N2)
    return FlatPatch(face_K=face_K, corner_K32=_upright(flat_N2, start_N2, offset_N3)[index_K3].astype(np.float32))


def _connected(mesh: ChartedMesh, face_K: Index, nearest: int) -> Bool:
    """Which faces hang together with the nearest one."""
    corner_K3 = mesh.face_F3[face_K].astype(np.intp)
    size = len(mesh.vertex_V3)
    ends_2E = np.concatenate([corner_K3[:, [0, 1]], corner_K3[:, [1, 2]]]).T
    number_V = connected_components(coo_matrix((np.ones(ends_2E.shape[1]), ends_2E), shape=(size, size)))[1]
    return np.asarray(number_V[corner_K3[:, 0]] == number_V[corner_K3[nearest, 0]])


def _as_rigid_as_possible(place_N3: F64, face_K3: Index, start_N2: F64) -> F64:
    """Flat positions whose triangles are as nearly rotations of those in space as they can be."""
    corner_K33 = place_N3[face_K3]
    edge_K33 = np.roll(corner_K33, -1, axis=1) - corner_K33
    first_K3 = edge_K33[:, 0] / np.maximum(np.linalg.norm(edge_K33[:, 0], axis=1, keepdims=True), 1e-12)
    normal_K3 = np.cross(edge_K33[:, 0], edge_K33[:, 1])
    double_K = np.maximum(np.linalg.norm(normal_K3, axis=1), 1e-12)
    # Right and down make a left-handed plane when it is seen from outside.
    second_K3 = -np.cross(normal_K3 / double_K[:, None], first_K3)
    edge_K32 = np.stack([(edge_K33 * axis_K3[:, None]).sum(axis=2) for axis_K3 in (first_K3, second_K3)], axis=2)
    # Edge k is opposite of corner k + 2, between whose edges the angle lies.
    opposite_K3 = -(np.roll(edge_K33, -1, axis=1) * np.roll(edge_K33, -2, axis=1)).sum(axis=2) / double_K[:, None]
    weight_K3 = np.maximum(opposite_K3, 1e-3)
    solve = factorized(_laplacian(face_K3, weight_K3, len(place_N3)))
    flat_N2 = start_N2
    for _ in range(STEPS):
        now_K32 = flat_N2[np.roll(face_K3, -1, axis=1)] - flat_N2[face_K3]
        cross_K = (weight_K3 * (edge_K32[..., 0] * now_K32[..., 1] - edge_K32[..., 1] * now_K32[..., 0])).sum(axis=1)
        angle_K = np.arctan2(cross_K, (weight_K3[..., None] * edge_K32 * now_K32).sum(axis=(1, 2)))
        cosine_K1, sine_K1 = np.cos(angle_K)[:, None], np.sin(angle_K)[:, None]
        x_K3, y_K3 = edge_K32[..., 0], edge_K32[..., 1]
        turned_K32 = np.stack([cosine_K1 * x_K3 - sine_K1 * y_K3, sine_K1 * x_K3 + cosine_K1 * y_K3], axis=2)
        pull_N2 = np.zeros_like(flat_N2)
        np.add.at(pull_N2, np.roll(face_K3, -1, axis=1), weight_K3[..., None] * turned_K32)
        np.subtract.at(pull_N2, face_K3, weight_K3[..., None] * turned_K32)
        flat_N2 = np.stack([solve(pull_N2[:, axis]) for axis in (0, 1)], axis=1)
    return flat_N2


def _laplacian(face_K3: Index, weight_K3: F64, size: int) -> csc_matrix:
    """The weighted Laplacian; a slight pull to the origin makes it invertible."""
    start, end, weight = face_K3.ravel(), np.roll(face_K3, -1, axis=1).ravel(), weight_K3.ravel()
    pairs = np.concatenate([start, end, start, end]), np.concatenate([start, end, end, start])
    values = np.concatenate([weight, weight, -weight, -weight])
    matrix = coo_matrix((values, pairs), shape=(size, size)).tocsc()
    return matrix + coo_matrix((np.full(size, 1e-9), (np.arange(size), np.arange(size))), shape=(size, size)).tocsc()


def _upright(flat_N2: F64, start_N2: F64, offset_N3: F64) -> F64:
    """The flat piece moved and rotated so that it agrees with right and down around the place."""
    near_N = np.exp(-0.5 * np.square(np.linalg.norm(offset_N3, axis=1) / 0.02))
    near_N /= near_N.sum()
    middle_2 = near_N @ start_N2
    flat_N2, aim_N2 = flat_N2 - near_N @ flat_N2, start_N2 - middle_2
    along = (near_N[:, None] * flat_N2 * aim_N2).sum()
    across = (near_N * (flat_N2[:, 0] * aim_N2[:, 1] - flat_N2[:, 1] * aim_N2[:, 0])).sum()
    angle = np.arctan2(across, along)
    turn_22 = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return flat_N2 @ turn_22 + middle_2
