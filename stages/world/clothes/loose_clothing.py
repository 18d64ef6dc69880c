"""Loose clothing: coats and shirts that hang around the trunk, wide sleeves and trouser legs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from models.arrays import F32, Float, Index
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

SUNKEN, LOOSE = -0.012, 0.012
"""Metres between body and cloth: at the upper edge of a tube, which is hidden in the body, and a few rings below."""

NARROWING = 0.975
"""Minimum radius of a ring relative to the ring above."""

LEGS = (*range(7, 15),)


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyPartRings:
    """Rings along a part of the body.

    Attributes:
        member_M, start_R: vertices ring by ring, and the start of each ring in that list.
        marker_R: for limbs a vertex of each ring, which gives its rotation; empty for the trunk.
        faces: numbers of the body faces with which cloth there is labelled.
    """

    member_M: Index
    start_R: Index
    marker_R: Index
    faces: Index


@dataclass(frozen=True, slots=True, kw_only=True)
class Tube:
    """A tube of cloth around a part of the body.

    Attributes:
        part: "trunk" or a limb: "left leg", "right arm" …
        rings: number of the part's rings it covers, from above.
        flare: extra radius at its end, metres.
        folds, phase: number and phase of the folds around it.
        gap: number of points of a ring left open in front.
        pattern: of the cloth.
    """

    part: str
    rings: int
    flare: float
    folds: int
    phase: float
    gap: int
    pattern: Pattern

    def on(self, vertex_V3: F32, keypoint_K3: F32) -> AttachedMesh:
        """The cloth on a posed body."""
        point = self._points(vertex_V3, keypoint_K3).reshape(-1, 3)
        surface = _tube_faces(self.part, self.rings, self.gap)
        normal = vertex_normals(point, surface.face_G3[: len(surface.face_G3) // 2])
        return AttachedMesh(vertex_W3=point, normal_W3=normal, surface=surface, pattern=self.pattern)

    def _points(self, vertex_V3: F32, keypoint_K3: F32) -> F32:
        part = body_part_rings(self.part)
        frame = _frame(part, vertex_V3, keypoint_K3)
        reach = ring_radii(vertex_V3, part.member_M, part.start_R, frame, NARROWING)[: self.rings]
        share = np.linspace(0, 1, self.rings)[:, None]
        off = SUNKEN + (LOOSE - SUNKEN) * np.minimum(np.arange(self.rings)[:, None] / 3, 1)
        wider = off + self.flare * share * (1 + 0.2 * np.cos(self.folds * angles() + self.phase + 2 * share))
        first, second, third = frame
        return ring_points(reach + wider, (first[: self.rings], second[: self.rings], third[: self.rings]))


@cache
def body_part_rings(name: str) -> BodyPartRings:
    """The rings of a part of the body by name. Raises KeyError for an unknown name."""
    rest, body = rest_body(), load_body()
    side, _, limb = name.partition(" ")
    ours = rest.point_V3[:, 0] > 0 if side == "left" else rest.point_V3[:, 0] < 0
    if name == "trunk":
        free = (rest.arm_V < -0.9) & (rest.head_V == 0)
        value, levels, step = np.where(free, -rest.point_V3[:, 1], 9), -1.36 + 0.03 * np.arange(37), 0.03
        charts, axis = (1, 2, *LEGS), None
    else:
        along, charts, axis, first, step, rings = {
            "leg": (rest.leg_V, LEGS, 2, 0.32, 0.07, 24),
            "arm": (rest.arm_V, tuple(range(15, 23)), 1, 0.22, 0.1, 18),
        }[limb]
        value, levels = np.where(ours, along, 9), first + step * np.arange(rings)
    member, start = ring_members(value.astype(np.float32), levels, step)
    marker = [] if axis is None else [one[np.argmax(rest.point_V3[one, axis])] for one in np.split(member, start[1:])]
    covered = np.isin(body.chart_F, charts) & ((name == "trunk") | ours[body.face_F3].all(axis=1))
    return BodyPartRings(
        member_M=member, start_R=start, marker_R=np.array(marker, np.intp), faces=np.flatnonzero(covered)
    )


def _frame(part: BodyPartRings, vertex_V3: F32, keypoint_K3: F32) -> tuple[Float, Float, Float]:
    """Centre and two axes of each ring: left and front for the trunk, toward the marker for a limb."""
    center = ring_centers(vertex_V3, part.member_M, part.start_R)
    down = ring_normals(center)
    if len(part.marker_R):
        toward = vertex_V3[part.marker_R].astype(np.float64) - center
    else:
        shoulder, hip = (_across_the_body(keypoint_K3, joint) for joint in ("shoulder", "hip"))
        share = np.clip(np.arange(len(center)) / 12, 0, 1)[:, None]
        toward = (1 - share) * shoulder + share * hip
    first = perpendicular(toward, down)
    return center, first, np.cross(down, first)


def _across_the_body(keypoint_K3: F32, joint: str) -> Float:
    """The direction from the right joint to the left one."""
    left, right = (keypoint_K3[KEYPOINT_NAMES.index(f"{side}_{joint}")] for side in ("left", "right"))
    return np.asarray((left - right) / np.linalg.norm(left - right), np.float64)


@cache
def _tube_faces(name: str, rings: int, gap: int) -> LabelledFaces:
    """Faces of a tube, labelled with the nearest skin on the mean body."""
    whole = _longest_tube_faces(name)
    ring, side = np.divmod(np.arange(len(whole.face_G3) // 2) // 2, SIDES)
    # The second axis of the trunk points to the front, a quarter turn from the first.
    apart = np.abs((side + 0.5 - SIDES / 4 + SIDES / 2) % SIDES - SIDES / 2)
    kept = np.flatnonzero((ring < rings - 1) & (apart >= gap / 2))
    kept = np.concatenate([kept, kept + len(whole.face_G3) // 2])
    return replace(
        whole, face_G3=whole.face_G3[kept], chart_G=whole.chart_G[kept], corner_uv_G32=whole.corner_uv_G32[kept],
        rest_W3=whole.rest_W3[: rings * SIDES],
    )


@cache
def _longest_tube_faces(name: str) -> LabelledFaces:
    part, rest = body_part_rings(name), rest_body()
    keypoint = (load_body().keypoint_KV @ rest.point_V3).astype(np.float32)
    frame = _frame(part, rest.point_V3, keypoint)
    reach = ring_radii(rest.point_V3, part.member_M, part.start_R, frame, NARROWING) + 0.03
    point = ring_points(reach, frame).reshape(-1, 3)
    return labels_of_nearest_skin(point, two_sided(ring_faces(len(part.start_R))), rest.point_V3, part.faces)


def _tube(rng: Rng, part: str, rings: tuple[int, int], flare: tuple[float, float], cloth: Pattern) -> Tube:
    return Tube(
        part=part, rings=int(rng.integers(rings[0], rings[1] + 1)), flare=float(rng.uniform(*flare)),
        folds=int(rng.integers(3, 10)), phase=float(rng.uniform(0, 6)), gap=0, pattern=cloth,
    )


def coat(rng: Rng, cloth: Pattern) -> tuple[Tube, ...]:
    """A coat from the chest to between hip and ankle with wide sleeves; half of the coats are open in front."""
    around = _tube(rng, "trunk", (20, 35), (0.02, 0.14), cloth)
    if rng.random() < 0.5:
        around = replace(around, gap=int(rng.integers(2, 11)))
    return (around, *sleeves(rng, cloth))


def loose_shirt(rng: Rng, cloth: Pattern) -> tuple[Tube, ...]:
    """A shirt that hangs from the chest to the hips; half of the shirts have wide sleeves."""
    around = _tube(rng, "trunk", (13, 19), (0.0, 0.06), cloth)
    return (around, *sleeves(rng, cloth)) if rng.random() < 0.5 else (around,)


def wide_dress(rng: Rng, cloth: Pattern) -> tuple[Tube, ...]:
    """A dress that widens from the chest on."""
    return (_tube(rng, "trunk", (21, 36), (0.10, 0.32), cloth),)


def sleeves(rng: Rng, cloth: Pattern) -> tuple[Tube, ...]:
    """Two equal sleeves, to the wrist or shorter."""
    left = _tube(rng, "left arm", (7, 17), (0.0, 0.05), cloth)
    return left, replace(left, part="right arm", phase=-left.phase)


def wide_legs(rng: Rng, cloth: Pattern) -> tuple[Tube, ...]:
    """Two trouser legs, to the ankle or shorter, straight or bell-shaped."""
    left = _tube(rng, "left leg", (12, 24), (0.01, 0.09), cloth)
    return left, replace(left, part="right leg", phase=-left.phase)
