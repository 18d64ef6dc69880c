"""One person, one box: a detection that lies mostly on a better one is the same person found twice.

Boxes alone do not tell this. Two people who embrace have boxes of high IoU and silhouettes beside each other, for the
surface network leaves out other people; the box of a head or a leg has a low IoU with its person's, and a silhouette
inside. A larger detection around a better one stays: it may be the person behind, or the whole of a person of whom the
better one is a part.
"""

from __future__ import annotations

from collections.abc import Sequence

from models.light.inference.surface_assembly import Silhouette
from models.structures import SurfaceMap

SHARED = 0.5
"""Share of a silhouette that a better one covers, from which they are the same person."""


def distinct_people(shape_N: Sequence[SurfaceMap | Silhouette]) -> list[int]:
    """Indices of the people of a frame without those who are a better one found again.

    Args:
        shape_N: their surfaces or silhouettes, best first.
    """
    kept: list[int] = []
    for index, shape in enumerate(shape_N):
        most = SHARED * int(shape.shown_hw.sum())
        if not any(_common_pixels(shape, shape_N[one]) > most for one in kept):
            kept.append(index)
    return kept


def _common_pixels(one: SurfaceMap | Silhouette, other: SurfaceMap | Silhouette) -> int:
    """Number of pixels that both show."""
    one_hw, other_hw = one.shown_hw, other.shown_hw
    left, top = max(one.x0, other.x0), max(one.y0, other.y0)
    right = min(one.x0 + one_hw.shape[1], other.x0 + other_hw.shape[1])
    bottom = min(one.y0 + one_hw.shape[0], other.y0 + other_hw.shape[0])
    if right <= left or bottom <= top:
        return 0
    common_hw = one_hw[top - one.y0 : bottom - one.y0, left - one.x0 : right - one.x0]
    return int((common_hw & other_hw[top - other.y0 : bottom - other.y0, left - other.x0 : right - other.x0]).sum())
