"""The payload that `paint_bodies` makes for the stages that draw."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from models.arrays import F32, U8, Bool
from stages.payloads import PersonSurface, Surfaces


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonPaint:
    """Which part of a texture each pixel of one person shows, computed from the fitted body.

    Attributes:
        labels_hw, uv_2hw: charts, and U and V (float32), on the grid of the person's surface and with the same
            silhouette, except where something is in front of the person.
        body_share: share of the silhouette whose chart, U and V come from the body; the rest are the network's.
        misfit: whether body and network disagree so much that with `auto` the texture is drawn by the network's
            surface, not by the body.
    """

    labels_hw: U8
    uv_2hw: F32
    body_share: float
    misfit: bool

    def without(self, thing_hw: Bool | None) -> PersonPaint:
        """The paint of the person alone; `thing_hw`: where something is in front of the person, None: nowhere."""
        return self if thing_hw is None else replace(self, labels_hw=np.where(thing_hw, np.uint8(0), self.labels_hw))


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyPaints:
    """One `PersonPaint` per person of the chunk's `People`, in the same order; None for those without a body."""

    people: tuple[PersonPaint | None, ...]

    @classmethod
    def of_nobody(cls, surfaces: Surfaces | None) -> BodyPaints:
        """No paint for any of the people with these surfaces."""
        return cls(people=(None,) * (0 if surfaces is None else len(surfaces)))


def textured_surface(surface: PersonSurface, paint: PersonPaint | None, by: str) -> PersonSurface:
    """The surface by which a person's texture is drawn or read.

    Args:
        surface: as the network sees it.
        paint: computed from the fitted body; None if there is no body.
        by: `surface`, `body`, or `auto`, which takes the surface where body and network disagree too much.
    """
    if paint is None or by == "surface" or (by == "auto" and paint.misfit):
        return surface
    return replace(surface, labels_hw=paint.labels_hw, uv_2hw=paint.uv_2hw)
