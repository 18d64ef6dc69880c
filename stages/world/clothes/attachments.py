"""Meshes that hang on a body without being part of it: skirts, bags, hair. Their pixels carry the body part beneath."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np
from scipy.spatial import cKDTree

from models.arrays import F32, F64, I32, U8, Float, Index
from models.body.open_body import load_body
from models.surface.mesh_normals import vertex_normals
from stages.world.clothes.patterns import Pattern
from stages.world.clothes.rest_body import rest_body

POINTS_AROUND, POINTS_DOWN = 24, 12
"""Number of points of a rigid mesh around, and from top to bottom."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledFaces:
    """Faces of an attached mesh, labelled with the body surface beneath them.

    Attributes:
        face_G3: vertex numbers; cloth has faces on both sides.
        chart_G: chart of the nearest body surface; 0 for what is not part of the body, as bags.
        corner_uv_G32: U, V of that surface at the corners.
        rest_W3: position of each vertex at the mean rest body, metres; patterns use it.
    """

    face_G3: I32
    chart_G: U8
    corner_uv_G32: F32
    rest_W3: F32


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedMesh:
    """A posed attached mesh: vertices and unit normals in the world, labels of the faces, pattern and gloss.

    `wrinkles` is the strength of small folds in its shading; `carries`: the person stands on it.
    """

    vertex_W3: F32
    normal_W3: F32
    surface: LabelledFaces
    pattern: Pattern
    gloss: float = 0.04
    wrinkles: float = 0.0
    carries: bool = False


class Attachment(Protocol):
    """Something that can be attached to a body."""

    def on(self, vertex_V3: F32, keypoint_K3: F32) -> AttachedMesh:
        """The mesh on a posed body, which is given by vertices and joints in the world, metres."""


def two_sided(face_G3: I32) -> I32:
    """Every face and its reverse."""
    return np.concatenate([face_G3, face_G3[:, ::-1]]).astype(np.int32)


def labels_of_nearest_skin(rest_W3: F32, face_G3: I32, skin_V3: F32, body_faces: Index) -> LabelledFaces:
    """Faces over a body at rest, each labelled with the body face nearest to its centre.

    Args:
        rest_W3: vertices of the attached mesh, metres.
        skin_V3: vertices of the body at rest.
        body_faces: numbers of the body faces to choose from.
    """
    body = load_body()
    corner_F33 = skin_V3[body.face_F3[body_faces]].astype(np.float64)
    _, nearest_G = cKDTree(corner_F33.mean(axis=1)).query(rest_W3[face_G3].mean(axis=1))
    a, b, c = corner_F33[nearest_G].transpose(1, 0, 2)
    weight_G33 = np.stack([_weights(a, b, c, rest_W3[face_G3[:, k]].astype(np.float64)) for k in range(3)], axis=1)
    chart_G = body.chart_F[body_faces[nearest_G]]
    uv_G32 = np.einsum("gkj,gjc->gkc", weight_G33, body.corner_uv_F32[body_faces[nearest_G]])
    return LabelledFaces(
        face_G3=face_G3, chart_G=chart_G, corner_uv_G32=_joined(face_G3, chart_G, np.clip(uv_G32, 0, 1)),
        rest_W3=rest_W3.astype(np.float32),
    )


def _joined(face_G3: I32, chart_G: U8, uv_G32: F64) -> F32:
    """UV continuous within each chart: a corner gets the mean over the faces of its chart at that vertex."""
    key = face_G3.astype(np.int64) * 25 + chart_G[:, None]
    _, group = np.unique(key.reshape(-1), return_inverse=True)
    count = np.bincount(group)
    mean = np.stack([np.bincount(group, uv_G32[..., k].reshape(-1)) / count for k in (0, 1)], axis=1)
    return mean[group].reshape(*face_G3.shape, 2).astype(np.float32)


def _weights(a: F64, b: F64, c: F64, point: F64) -> F64:
    """Barycentric weights (G, 3) of points projected onto triangles; outside a triangle they are extrapolated."""
    ab, ac, at = b - a, c - a, point - a
    bb, cc, bc = (ab * ab).sum(1), (ac * ac).sum(1), (ab * ac).sum(1)
    pb, pc = (at * ab).sum(1), (at * ac).sum(1)
    scale = np.maximum(bb * cc - bc * bc, 1e-14)
    of_b, of_c = (cc * pb - bc * pc) / scale, (bb * pc - bc * pb) / scale
    return np.stack([1 - of_b - of_c, of_b, of_c], axis=1)


def rigidly_attached(bone: str, surface: LabelledFaces, vertex_V3: F32, cloth: Pattern, gloss: float) -> AttachedMesh:
    """A mesh at the mean body, moved, rotated and scaled with the skin of a bone (Umeyama, 1991)."""
    chosen = vertices_of_bone(bone)
    before, after = rest_body().point_V3[chosen].astype(np.float64), vertex_V3[chosen].astype(np.float64)
    middle, there = before.mean(axis=0), after.mean(axis=0)
    left, stretch, right = np.linalg.svd((after - there).T @ (before - middle))
    sign = np.array([1, 1, np.sign(np.linalg.det(left @ right))])
    turn = left * sign @ right
    scale = float((stretch * sign).sum() / ((before - middle) ** 2).sum())
    point = (there + scale * (surface.rest_W3 - middle) @ turn.T).astype(np.float32)
    normal = vertex_normals(point, surface.face_G3[: len(surface.face_G3) // 2])
    return AttachedMesh(vertex_W3=point, normal_W3=normal, surface=surface, pattern=cloth, gloss=gloss)


@cache
def vertices_of_bone(bone: str) -> Index:
    """Vertices that move mostly with a bone, or with its group of bones (hand, hips, back)."""
    body = load_body()
    names = {
        "wrist.L": ("wrist.L", "metacarpal", "finger"),
        "wrist.R": ("wrist.R", "metacarpal", "finger"),
        "root": ("root", "spine05", "pelvis"),
        "spine02": ("spine01", "spine02", "spine03"),
    }.get(bone, (bone,))
    side = bone[-2:] if bone[-2:] in (".L", ".R") else ""
    bones = [b for b, name in enumerate(body.bones) if name.startswith(names) and name.endswith(side)]
    return np.flatnonzero(body.weight_VB[:, bones].sum(axis=1) > 0.5)


def superellipsoid(
    middle_3: tuple[float, float, float], half_3: tuple[float, float, float], power: float
) -> tuple[F32, I32]:
    """Points (W, 3) and two-sided faces (G, 3) of a superellipsoid: an ellipsoid for power 1, nearer a box below.

    Args:
        middle_3, half_3: centre and half sizes, metres.
    """
    around = np.linspace(0, 2 * np.pi, POINTS_AROUND, endpoint=False)
    down = np.linspace(0, np.pi, POINTS_DOWN)

    def rounded(wave: Float) -> Float:
        return np.asarray(np.sign(wave) * np.abs(wave) ** power, np.float64)

    ring = rounded(np.sin(down))[:, None]
    unit = np.stack(
        [
            ring * rounded(np.sin(around)),
            np.broadcast_to(rounded(np.cos(down))[:, None], (POINTS_DOWN, POINTS_AROUND)),
            ring * rounded(np.cos(around)),
        ],
        axis=-1,
    )
    point = (np.asarray(middle_3) + unit * half_3).reshape(-1, 3).astype(np.float32)
    return point, two_sided(tube_faces(POINTS_AROUND, closed=True))


def tube_faces(around: int, *, closed: bool) -> I32:
    """Triangles of a tube of POINTS_DOWN rings with `around` points each."""
    ring, side = np.meshgrid(np.arange(POINTS_DOWN - 1), np.arange(around if closed else around - 1), indexing="ij")
    a, b = (ring * around + side).reshape(-1), (ring * around + (side + 1) % around).reshape(-1)
    c, d = a + around, b + around
    return np.stack([np.stack([a, c, b], 1), np.stack([b, c, d], 1)], axis=1).reshape(-1, 3).astype(np.int32)
