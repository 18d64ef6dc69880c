"""How cloth changes the outline of the body: it bridges hollows; shoes hide toes.

Both are offsets of the rest vertices, computed once on the mean body.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from models.arrays import F32, F64, Bool
from models.body.open_body import load_body
from models.surface.mesh_normals import vertex_normals
from stages.world.clothes.rest_body import mean_rest, rest_normals

HEAD_AND_ENDS = (3, 4, 5, 6, 23, 24)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClothOutline:
    """The outline of cloth on the mean body: offsets of the vertices (V, 3), metres, and the resulting normals."""

    offset_V3: F32
    normal_V3: F32


@cache
def drape_outline() -> ClothOutline:
    """Cloth over trunk and limbs that bridges hollows."""
    body = load_body()
    free = np.ones(len(body.twin_V), bool)
    free[np.unique(body.face_F3[np.isin(body.chart_F, HEAD_AND_ENDS)])] = False
    return _outline(_bridged(free, rounds=150))


@cache
def shoe_outline() -> ClothOutline:
    """A closed shoe: the gaps between the toes are bridged, the sole is flat."""
    body = load_body()
    foot = np.zeros(len(body.twin_V), bool)
    foot[np.unique(body.face_F3[np.isin(body.chart_F, (5, 6))])] = True
    offset = _bridged(foot, rounds=400)
    height = (mean_rest() + offset)[:, 1]
    low = foot & (height < 0.025)
    offset[low, 1] += 0.004 - height[low]
    return _outline(offset)


def _outline(offset_V3: F64) -> ClothOutline:
    offset = offset_V3.astype(np.float32)
    return ClothOutline(offset_V3=offset, normal_V3=vertex_normals(mean_rest() + offset, load_body().face_F3))


def _bridged(free_V: Bool, *, rounds: int) -> F64:
    """Offsets (V, 3) of a membrane over the vertices `free_V`, never below the skin.

    Solves the obstacle problem by relaxation: a vertex rises along its normal to the mean of its neighbours where that
    is above the skin.
    """
    face = load_body().face_F3
    skin, normal = mean_rest().astype(np.float64), rest_normals().astype(np.float64)
    pairs = np.concatenate([face[:, [0, 1]], face[:, [1, 2]], face[:, [2, 0]]])
    pairs = np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0)
    pairs = pairs[free_V[pairs[:, 0]]]
    inner = np.flatnonzero(free_V)
    order = np.argsort(pairs[:, 0], kind="stable")
    start = np.searchsorted(pairs[order, 0], inner)
    neighbour, count = pairs[order, 1], np.bincount(pairs[:, 0], minlength=len(skin))[inner, None]
    moved = skin.copy()
    for _ in range(rounds):
        mean = np.add.reduceat(moved[neighbour], start, axis=0) / count
        rise = np.maximum(((mean - skin[inner]) * normal[inner]).sum(axis=1), 0)
        moved[inner] = skin[inner] + rise[:, None] * normal[inner]
    return moved - skin
