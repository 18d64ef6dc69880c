"""Bags: rounded boxes that follow one bone and hide the body."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from models.arrays import F32
from stages.world.clothes.attachments import (
    AttachedMesh,
    LabelledFaces,
    rigidly_attached,
    superellipsoid,
    vertices_of_bone,
)
from stages.world.clothes.patterns import Pattern
from stages.world.clothes.rest_body import rest_body

Rng = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Bag:
    """A rounded box: centre at the mean body and half sizes (metres), the bone it follows, its pattern."""

    middle_3: tuple[float, float, float]
    half_3: tuple[float, float, float]
    bone: str
    pattern: Pattern

    def on(self, vertex_V3: F32, keypoint_K3: F32) -> AttachedMesh:
        """The bag on a posed body."""
        surface = _bag_faces(self.middle_3, self.half_3)
        return rigidly_attached(self.bone, surface, vertex_V3, self.pattern, 0.15)


def random_bag(rng: Rng, cloth: Pattern) -> Bag:
    """A backpack, a bag at a hip, or a bag in a hand."""
    side = float(rng.choice([-1, 1]))
    size = rng.uniform(0.75, 1.25)
    kind = rng.integers(3)
    if kind == 0:
        middle, half, bone = (0.0, 1.27, -0.20), (0.15, 0.21, 0.09), "spine02"
    elif kind == 1:
        middle, half, bone = (side * 0.23, 0.95, 0.0), (0.06, 0.11, 0.15), "root"
    else:
        hand = rest_body().point_V3[vertices_of_bone("wrist.L")].mean(axis=0)
        middle, half, bone = (side * float(hand[0]), float(hand[1]) - 0.2, float(hand[2])), (0.05, 0.14, 0.17), "wrist"
        bone += ".L" if side > 0 else ".R"
    w, h, d = (float(np.round(size * one, 2)) for one in half)
    return Bag(middle_3=middle, half_3=(w, h, d), bone=bone, pattern=cloth)


@lru_cache(maxsize=256)
def _bag_faces(middle_3: tuple[float, float, float], half_3: tuple[float, float, float]) -> LabelledFaces:
    """A box with round corners, not part of the body (chart 0)."""
    point, face = superellipsoid(middle_3, half_3, 0.45)
    return LabelledFaces(
        face_G3=face, chart_G=np.zeros(len(face), np.uint8), corner_uv_G32=np.zeros((len(face), 3, 2), np.float32),
        rest_W3=point,
    )
