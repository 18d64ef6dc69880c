"""Skirts: cones of cloth around the legs, wide enough for them in any pose, as meshes of their own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from models.surface.body import KEYPOINT_NAMES, load_body
from stages.world.attached import Extra, Surface, nearest_surface, two_sided
from stages.world.cloth_shapes import vertex_normals
from stages.world.wardrobe import Pattern, home

F32 = npt.NDArray[np.float32]
Rng = np.random.Generator

WAIST_Y, RING, RINGS, SIDES = 1.07, 0.03, 30, 48
"""Metres on the mean body: height of the upper edge, from ring to ring; rings of the longest skirt; points a ring."""
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
    ring, side = np.meshgrid(np.arange(RINGS - 1), np.arange(SIDES), indexing="ij")
    a, b = (ring * SIDES + side).reshape(-1), (ring * SIDES + (side + 1) % SIDES).reshape(-1)
    c, d = a + SIDES, b + SIDES
    # Angles run from the left to the front: the outside is seen with upper, lower, next in this order.
    face = np.stack([np.stack([a, c, b], 1), np.stack([b, c, d], 1)], axis=1).reshape(-1, 3).astype(np.int32)
    covered = np.flatnonzero(np.isin(body.chart_F, (1, 2, *range(7, 15))) & (_height()[body.face_F3] < WAIST_Y).all(1))
    return nearest_surface(point, two_sided(face), place.point_V3, covered)


@cache
def _height() -> F32:
    """Height of each vertex on the mean body; arms and head are out of the way."""
    place = home()
    return np.where((place.arm_V > -0.9) | (place.head_V > 0), 9.0, place.point_V3[:, 1]).astype(np.float32)


@cache
def _slices() -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Vertices ring by ring, a ring's height to either side, and where each ring's begin."""
    height = _height()
    level = WAIST_Y - RING * np.arange(RINGS)
    members = [np.flatnonzero(np.abs(height - y) < 0.8 * RING) for y in level]
    start = np.cumsum([0, *[len(one) for one in members[:-1]]])
    return np.concatenate(members), start


def _cone(vertex_V3: F32, keypoint_K3: F32, flare: float, folds: int, phase: float) -> F32:
    """Points (RINGS, SIDES, 3) around hips and legs: each ring's hull, never narrower than the rings above it."""
    member, start = _slices()
    center, left, front = _frames(vertex_V3, keypoint_K3, member, start)
    angle = 2 * np.pi * np.arange(SIDES) / SIDES
    way = np.stack([np.cos(angle), np.sin(angle)])
    ring_of = np.repeat(np.arange(RINGS), np.diff([*start, len(member)]))
    apart = vertex_V3[member] - center[ring_of]
    flat = np.stack([(apart * left[ring_of]).sum(1), (apart * front[ring_of]).sum(1)], axis=1)
    support = np.maximum(np.maximum.reduceat(flat @ way, start, axis=0), 0.03)
    cosine = np.cos(angle[:, None] - angle)
    # The hull's reach along an angle is the least of what its tangents allow.
    with np.errstate(divide="ignore"):
        allow = np.where(cosine > 0.05, 1 / np.maximum(cosine, 1e-3), np.inf)
    reach = (support[:, None, :] * allow).min(axis=2)
    for k in range(1, RINGS):
        reach[k] = np.maximum(reach[k], 0.992 * reach[k - 1])
    share = np.linspace(0, 1, RINGS)[:, None]
    reach = _smooth(reach) + LOOSE + flare * share * (1 + 0.18 * np.cos(folds * angle + phase))
    ring = reach[..., None] * (way[0][:, None] * left[:, None, :] + way[1][:, None] * front[:, None, :])
    return (center[:, None] + ring).astype(np.float32)


def _smooth(reach_RS: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Along the cloth and around it, never inward."""
    padded = np.pad(reach_RS, ((1, 1), (0, 0)), mode="edge")
    mean = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    around = (np.roll(mean, 1, 1) + 2 * mean + np.roll(mean, -1, 1)) / 4
    return np.maximum(reach_RS, around)


def _frames(
    vertex_V3: F32, keypoint_K3: F32, member: npt.NDArray[np.intp], start: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Middle, left and front of each ring, (RINGS, 3): the middle of its slice of the body, across its own line."""
    count = np.diff([*start, len(member)])[:, None]
    center = np.add.reduceat(vertex_V3[member].astype(np.float64), start, axis=0) / count
    for _ in range(2):
        padded = np.pad(center, ((1, 1), (0, 0)), mode="edge")
        center = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    down = np.gradient(center, axis=0)
    down /= np.linalg.norm(down, axis=1, keepdims=True) + 1e-9
    hips = [KEYPOINT_NAMES.index(name) for name in ("left_hip", "right_hip")]
    left = np.broadcast_to((keypoint_K3[hips[0]] - keypoint_K3[hips[1]]).astype(np.float64), down.shape)
    left = left - (left * down).sum(1, keepdims=True) * down
    left = left / (np.linalg.norm(left, axis=1, keepdims=True) + 1e-9)
    return center, left, np.cross(down, left)
