"""Skirts: cones of cloth around the legs, wide enough in any pose, as separate meshes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from models.arrays import F32, Index
from models.body.open_body import KEYPOINT_NAMES, load_body
from models.surface.mesh_normals import vertex_normals
from stages.world.clothes.attachments import AttachedMesh, LabelledFaces, labels_of_nearest_skin, two_sided
from stages.world.clothes.cloth_rings import (
    SIDES,
    angles,
    perpendicular,
    ring_centers,
    ring_faces,
    ring_members,
    ring_normals,
    ring_points,
    ring_radii,
)
from stages.world.clothes.patterns import Pattern
from stages.world.clothes.rest_body import rest_body

Rng = np.random.Generator

WAIST_Y, RING, RINGS = 1.07, 0.03, 30
"""Height of the upper edge and distance of the rings on the mean body, metres; number of rings of the longest skirt."""

LOOSE = 0.012
"""Metres between body and cloth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skirt:
    """A skirt: number of rings, extra radius at the hem (metres), number and phase of folds around it, pattern."""

    rings: int
    flare: float
    folds: int
    phase: float
    pattern: Pattern

    def on(self, vertex_V3: F32, keypoint_K3: F32) -> AttachedMesh:
        """The skirt on a posed body."""
        point = _cone(vertex_V3, keypoint_K3, self.flare, self.folds, self.phase)[: self.rings].reshape(-1, 3)
        surface = skirt_faces(self.rings)
        normal = vertex_normals(point, surface.face_G3[: len(surface.face_G3) // 2])
        return AttachedMesh(vertex_W3=point, normal_W3=normal, surface=surface, pattern=self.pattern)


def random_skirt(rng: Rng, cloth: Pattern) -> Skirt:
    """A random skirt, short to long, narrow to wide."""
    return Skirt(
        rings=int(rng.integers(12, RINGS + 1)), flare=float(rng.uniform(0.0, 0.22)), folds=int(rng.integers(4, 13)),
        phase=float(rng.uniform(0, 6)), pattern=cloth,
    )


@cache
def skirt_faces(rings: int) -> LabelledFaces:
    """Faces of a skirt with `rings` rings, labelled with the nearest skin under a skirt of mean width."""
    whole = _longest_skirt_faces()
    count = (rings - 1) * SIDES * 2
    half = len(whole.face_G3) // 2
    kept = np.r_[:count, half : half + count]
    return LabelledFaces(
        face_G3=whole.face_G3[kept], chart_G=whole.chart_G[kept], corner_uv_G32=whole.corner_uv_G32[kept],
        rest_W3=whole.rest_W3[: rings * SIDES],
    )


@cache
def _longest_skirt_faces() -> LabelledFaces:
    body, rest = load_body(), rest_body()
    keypoint = (body.keypoint_KV @ rest.point_V3).astype(np.float32)
    point = _cone(rest.point_V3, keypoint, 0.10, 0, 0.0).reshape(-1, 3)
    face = ring_faces(RINGS)
    covered = np.flatnonzero(np.isin(body.chart_F, (1, 2, *range(7, 15))) & (_height()[body.face_F3] < WAIST_Y).all(1))
    return labels_of_nearest_skin(point, two_sided(face), rest.point_V3, covered)


@cache
def _height() -> F32:
    """Height of each vertex on the mean body; arms and head are excluded by a large value."""
    rest = rest_body()
    return np.where((rest.arm_V > -0.9) | (rest.head_V > 0), 9.0, rest.point_V3[:, 1]).astype(np.float32)


@cache
def _skirt_rings() -> tuple[Index, Index]:
    return ring_members(_height(), WAIST_Y - RING * np.arange(RINGS), RING)


def _cone(vertex_V3: F32, keypoint_K3: F32, flare: float, folds: int, phase: float) -> F32:
    """Points (RINGS, SIDES, 3) of the longest skirt around hips and legs."""
    member, start = _skirt_rings()
    center = ring_centers(vertex_V3, member, start)
    down = ring_normals(center)
    hips = [KEYPOINT_NAMES.index(name) for name in ("left_hip", "right_hip")]
    left = perpendicular(
        np.broadcast_to((keypoint_K3[hips[0]] - keypoint_K3[hips[1]]).astype(np.float64), down.shape), down
    )
    frame = (center, left, np.cross(down, left))
    share = np.linspace(0, 1, RINGS)[:, None]
    wider = LOOSE + flare * share * (1 + 0.18 * np.cos(folds * angles() + phase))
    return ring_points(ring_radii(vertex_V3, member, start, frame, 0.992) + wider, frame)
