"""Skirts: cones of cloth around the legs, wide enough in any pose, as separate meshes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from models.arrays import F32
from models.surface.body import KEYPOINT_NAMES, load_body
from stages.world.clothes.attachments import Extra, Surface, nearest_surface, two_sided
from stages.world.clothes.cloth_rings import (
    SIDES,
    across,
    angles,
    centers,
    courses,
    placed,
    reaches,
    ring_faces,
    slices,
)
from stages.world.clothes.patterns import Pattern
from stages.world.clothes.rest_body import home, vertex_normals

Rng = np.random.Generator

WAIST_Y, RING, RINGS = 1.07, 0.03, 30
"""Metres on the mean body: height of the upper edge, from ring to ring; rings of the longest skirt."""

LOOSE = 0.012


@dataclass(frozen=True, slots=True, kw_only=True)
class Skirt:
    """A skirt: number of its rings, how much wider the hem is than the body (metres), folds around it, cloth."""

    rings: int
    flare: float
    folds: int
    phase: float
    pattern: Pattern

    def on(self, vertex_V3: F32, keypoint_K3: F32) -> Extra:
        """The skirt on a posed body."""
        point = _cone(vertex_V3, keypoint_K3, self.flare, self.folds, self.phase)[: self.rings].reshape(-1, 3)
        surface = surface_of(self.rings)
        normal = vertex_normals(point, surface.face_G3[: len(surface.face_G3) // 2])
        return Extra(vertex_W3=point, normal_W3=normal, surface=surface, pattern=self.pattern)


def random_skirt(rng: Rng, cloth: Pattern) -> Skirt:
    """From short to long, from narrow to wide."""
    return Skirt(
        rings=int(rng.integers(12, RINGS + 1)), flare=float(rng.uniform(0.0, 0.22)), folds=int(rng.integers(4, 13)),
        phase=float(rng.uniform(0, 6)), pattern=cloth,
    )


@cache
def surface_of(rings: int) -> Surface:
    """Faces of a skirt of so many rings, and their labels: of the nearest skin under a skirt of mean width."""
    whole = _whole_surface()
    count = (rings - 1) * SIDES * 2
    half = len(whole.face_G3) // 2
    kept = np.r_[:count, half : half + count]
    return Surface(
        face_G3=whole.face_G3[kept], chart_G=whole.chart_G[kept], corner_uv_G32=whole.corner_uv_G32[kept],
        home_W3=whole.home_W3[: rings * SIDES],
    )


@cache
def _whole_surface() -> Surface:
    body, place = load_body(), home()
    keypoint = (body.keypoint_KV @ place.point_V3).astype(np.float32)
    point = _cone(place.point_V3, keypoint, 0.10, 0, 0.0).reshape(-1, 3)
    face = ring_faces(RINGS)
    covered = np.flatnonzero(np.isin(body.chart_F, (1, 2, *range(7, 15))) & (_height()[body.face_F3] < WAIST_Y).all(1))
    return nearest_surface(point, two_sided(face), place.point_V3, covered)


@cache
def _height() -> F32:
    """Height of each vertex on the mean body; arms and head are out of the way."""
    place = home()
    return np.where((place.arm_V > -0.9) | (place.head_V > 0), 9.0, place.point_V3[:, 1]).astype(np.float32)


@cache
def _slices() -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    return slices(_height(), WAIST_Y - RING * np.arange(RINGS), RING)


def _cone(vertex_V3: F32, keypoint_K3: F32, flare: float, folds: int, phase: float) -> F32:
    """Points (RINGS, SIDES, 3) around hips and legs, hardly narrower than the rings above them."""
    member, start = _slices()
    center = centers(vertex_V3, member, start)
    down = courses(center)
    hips = [KEYPOINT_NAMES.index(name) for name in ("left_hip", "right_hip")]
    left = across(np.broadcast_to((keypoint_K3[hips[0]] - keypoint_K3[hips[1]]).astype(np.float64), down.shape), down)
    frame = (center, left, np.cross(down, left))
    share = np.linspace(0, 1, RINGS)[:, None]
    wider = LOOSE + flare * share * (1 + 0.18 * np.cos(folds * angles() + phase))
    return placed(reaches(vertex_V3, member, start, frame, 0.992) + wider, frame)
