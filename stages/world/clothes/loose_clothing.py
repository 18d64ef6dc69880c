"""Loose clothing: coats and shirts that hang around the trunk, wide sleeves and trouser legs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from models.arrays import F32, Float, Index
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

SUNK, LOOSE = -0.012, 0.012
"""Metres off what is under it: a tube's upper edge, which is hidden in it, and the cloth after a few rings."""

NARROWING = 0.975
"""Least width of a ring as a share of the one above: cloth hangs over hollows, but is cut to the body."""

LEGS = (*range(7, 15),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of the body with rings along it.

    Attributes:
        member_M, start_R: vertices ring by ring, and where each ring's begin.
        marker_R: for limbs a vertex of each ring that says how far it is turned; empty for the trunk.
        faces: numbers of the body's faces that cloth there stands for.
    """

    member_M: Index
    start_R: Index
    marker_R: Index
    faces: Index


@dataclass(frozen=True, slots=True, kw_only=True)
class Tube:
    """A tube of cloth.

    Attributes:
        part: "trunk" or a limb, "left leg" …
        rings: how many of the part's rings it covers, from above.
        flare: metres by which its end is wider.
        folds, phase: around it.
        gap: points of a ring that are left open in front.
        pattern: its cloth.
    """

    part: str
    rings: int
    flare: float
    folds: int
    phase: float
    gap: int
    pattern: Pattern

    def on(self, vertex_V3: F32, keypoint_K3: F32) -> Extra:
        """The cloth on a posed body."""
        point = self._points(vertex_V3, keypoint_K3).reshape(-1, 3)
        surface = _surface(self.part, self.rings, self.gap)
        normal = vertex_normals(point, surface.face_G3[: len(surface.face_G3) // 2])
        return Extra(vertex_W3=point, normal_W3=normal, surface=surface, pattern=self.pattern)

    def _points(self, vertex_V3: F32, keypoint_K3: F32) -> F32:
        part = part_of(self.part)
        frame = _frame(part, vertex_V3, keypoint_K3)
        reach = reaches(vertex_V3, part.member_M, part.start_R, frame, NARROWING)[: self.rings]
        share = np.linspace(0, 1, self.rings)[:, None]
        off = SUNK + (LOOSE - SUNK) * np.minimum(np.arange(self.rings)[:, None] / 3, 1)
        wider = off + self.flare * share * (1 + 0.2 * np.cos(self.folds * angles() + self.phase + 2 * share))
        first, second, third = frame
        return placed(reach + wider, (first[: self.rings], second[: self.rings], third[: self.rings]))


@cache
def part_of(name: str) -> Part:
    """The rings of a part, on the mean body. Raises KeyError for a name that is none."""
    place, body = home(), load_body()
    side, _, limb = name.partition(" ")
    ours = place.point_V3[:, 0] > 0 if side == "left" else place.point_V3[:, 0] < 0
    if name == "trunk":
        free = (place.arm_V < -0.9) & (place.head_V == 0)
        value, levels, step = np.where(free, -place.point_V3[:, 1], 9), -1.36 + 0.03 * np.arange(37), 0.03
        charts, axis = (1, 2, *LEGS), None
    else:
        along, charts, axis, first, step, rings = {
            "leg": (place.leg_V, LEGS, 2, 0.32, 0.07, 24),
            "arm": (place.arm_V, tuple(range(15, 23)), 1, 0.22, 0.1, 18),
        }[limb]
        value, levels = np.where(ours, along, 9), first + step * np.arange(rings)
    member, start = slices(value.astype(np.float32), levels, step)
    marker = [] if axis is None else [one[np.argmax(place.point_V3[one, axis])] for one in np.split(member, start[1:])]
    covered = np.isin(body.chart_F, charts) & ((name == "trunk") | ours[body.face_F3].all(axis=1))
    return Part(member_M=member, start_R=start, marker_R=np.array(marker, np.intp), faces=np.flatnonzero(covered))


def _frame(part: Part, vertex_V3: F32, keypoint_K3: F32) -> tuple[Float, Float, Float]:
    """Middle and two axes of each ring: of the trunk left and front, of a limb the marker's side and the next."""
    center = centers(vertex_V3, part.member_M, part.start_R)
    down = courses(center)
    if len(part.marker_R):
        way = vertex_V3[part.marker_R].astype(np.float64) - center
    else:
        shoulder, hip = (_across_the_body(keypoint_K3, joint) for joint in ("shoulder", "hip"))
        share = np.clip(np.arange(len(center)) / 12, 0, 1)[:, None]
        way = (1 - share) * shoulder + share * hip
    first = across(way, down)
    return center, first, np.cross(down, first)


def _across_the_body(keypoint_K3: F32, joint: str) -> Float:
    """The direction from the right joint to the left one."""
    left, right = (keypoint_K3[KEYPOINT_NAMES.index(f"{side}_{joint}")] for side in ("left", "right"))
    return np.asarray((left - right) / np.linalg.norm(left - right), np.float64)


@cache
def _surface(name: str, rings: int, gap: int) -> Surface:
    """Faces of a tube, and the skin nearest to them on the mean body."""
    whole = _whole_surface(name)
    ring, side = np.divmod(np.arange(len(whole.face_G3) // 2) // 2, SIDES)
    # The second axis of the trunk points ahead: a quarter of the way around.
    apart = np.abs((side + 0.5 - SIDES / 4 + SIDES / 2) % SIDES - SIDES / 2)
    kept = np.flatnonzero((ring < rings - 1) & (apart >= gap / 2))
    kept = np.concatenate([kept, kept + len(whole.face_G3) // 2])
    return replace(
        whole,
        face_G3=whole.face_G3[kept],
        chart_G=whole.chart_G[kept],
        corner_uv_G32=whole.corner_uv_G32[kept],
        home_W3=whole.home_W3[: rings * SIDES],
    )


@cache
def _whole_surface(name: str) -> Surface:
    part, place = part_of(name), home()
    keypoint = (load_body().keypoint_KV @ place.point_V3).astype(np.float32)
    frame = _frame(part, place.point_V3, keypoint)
    reach = reaches(place.point_V3, part.member_M, part.start_R, frame, NARROWING) + 0.03
    point = placed(reach, frame).reshape(-1, 3)
    return nearest_surface(point, two_sided(ring_faces(len(part.start_R))), place.point_V3, part.faces)


def _tube(rng: Rng, part: str, rings: tuple[int, int], flare: tuple[float, float], cloth: Pattern) -> Tube:
    return Tube(
        part=part,
        rings=int(rng.integers(rings[0], rings[1] + 1)),
        flare=float(rng.uniform(*flare)),
        folds=int(rng.integers(3, 10)),
        phase=float(rng.uniform(0, 6)),
        gap=0,
        pattern=cloth,
    )


def coat(rng: Rng, cloth: Pattern) -> tuple[Tube, ...]:
    """From the chest to somewhere between hip and ankle, half of them open in front, with wide sleeves."""
    around = _tube(rng, "trunk", (20, 35), (0.02, 0.14), cloth)
    if rng.random() < 0.5:
        around = replace(around, gap=int(rng.integers(2, 11)))
    return (around, *sleeves(rng, cloth))


def loose_shirt(rng: Rng, cloth: Pattern) -> tuple[Tube, ...]:
    """A shirt that hangs from the chest to the hips; sometimes its sleeves are wide too."""
    around = _tube(rng, "trunk", (13, 19), (0.0, 0.06), cloth)
    return (around, *sleeves(rng, cloth)) if rng.random() < 0.5 else (around,)


def wide_dress(rng: Rng, cloth: Pattern) -> tuple[Tube, ...]:
    """A dress that widens from the chest on."""
    return (_tube(rng, "trunk", (21, 36), (0.10, 0.32), cloth),)


def sleeves(rng: Rng, cloth: Pattern) -> tuple[Tube, ...]:
    """Two alike, to the wrist or shorter."""
    left = _tube(rng, "left arm", (7, 17), (0.0, 0.05), cloth)
    return left, replace(left, part="right arm", phase=-left.phase)


def wide_legs(rng: Rng, cloth: Pattern) -> tuple[Tube, ...]:
    """Two trouser legs, to the ankle or shorter, straight or bell-shaped."""
    left = _tube(rng, "left leg", (12, 24), (0.01, 0.09), cloth)
    return left, replace(left, part="right leg", phase=-left.phase)
