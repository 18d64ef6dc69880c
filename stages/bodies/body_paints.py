"""What travels from `paint_bodies` to the stages that draw."""

from __future__ import annotations

from dataclasses import dataclass

from models.arrays import F32, U8


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonPaint:
    """Where a texture belongs on one person, through the fitted body.

    Attributes:
        labels_hw, uv_2hw: on the grid of the person's surface, with its silhouette; float32.
        body_share: share of the silhouette whose chart, U and V come from the body; the rest are the network's.
        misfit: whether body and network disagree so much that the texture follows the surface.
    """

    labels_hw: U8
    uv_2hw: F32
    body_share: float
    misfit: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyPaints:
    """One `PersonPaint` per person of the chunk's `People`, in the same order; None for those without a body."""

    people: tuple[PersonPaint | None, ...]
