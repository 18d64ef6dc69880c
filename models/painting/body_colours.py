"""Things in front of a person: regions with colours that the person did not have there, or near there, before.

The usual colour of each cell of the skin is remembered. A ball in front of the legs has another colour than the
trousers there and around. Only large regions count: small ones are folds, prints, or errors of the network's U and V.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache

import cv2
import numpy as np
from scipy.spatial import cKDTree

from models.arrays import F32, U8, Bool, Float, Index
from models.painting.painting_mesh import load_painting_mesh
from models.painting.skin_cells import CELLS, SKIN_CELLS, skin_cells
from models.surface.chart_lookup import CHARTS
from models.time_steps import remaining

COMPARED = 2_500
"""Places of a person at which colours are compared, about."""
NEIGHBOURS, NEAR_M = 24, 0.13
"""Cells around each that may lend it their colour, and how far they are at most, metres."""
DISTANCE = 45.0
"""Difference between a colour and all usual ones near it from which it is another thing's, in bytes of CIELAB."""
LUMA_WEIGHT = 0.4
"""Weight of lightness in that difference: shadows fall on people."""
KNOWN_S = 0.08
"""Seconds for which a cell must have been seen before its colour is known."""
KEEP, KEEP_OUTLIER = 0.88, 0.99
"""Share of a usual colour that remains after `FRAME_S`: where the body is seen, and where another thing seems to be."""
REACH = 0.03
"""Size of the region that decides about its middle, as a share of the person's height."""
LEAST_SHARE, MOST_SHARE = 0.006, 0.25
"""Shares of the person that a thing covers: smaller regions are prints, larger ones another light or person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyColours:
    """Usual colour of each cell of the skin (CIELAB, bytes), and for how long it has been seen, seconds."""

    colour_Q3: F32 = field(default_factory=lambda: np.zeros((SKIN_CELLS, 3), np.float32))
    seen_Q: F32 = field(default_factory=lambda: np.zeros(SKIN_CELLS, np.float32))


def outlier_regions(
    labels_hw: U8, uv_2hw: Float, rgb_hw3: U8, known: BodyColours, seconds: float
) -> tuple[Bool, BodyColours]:
    """Where something is in front of the person, on a grid of about `COMPARED` cells, and the colours known after.

    Args:
        labels_hw, uv_2hw: the person's surface as the network sees it.
        rgb_hw3: the frame under it.
        known: the person's colours after the frame before.
        seconds: time since then.
    """
    height, width = labels_hw.shape
    step = max(1, round(math.sqrt(cv2.countNonZero(labels_hw) / COMPARED)))
    size = -(-width // step), -(-height // step)
    labels_cc = cv2.resize(labels_hw, size, interpolation=cv2.INTER_NEAREST)
    lab_cc3 = cv2.cvtColor(cv2.resize(rgb_hw3, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2LAB)
    at_M = np.flatnonzero(labels_cc)
    axes = [cv2.resize(np.asarray(one, np.float32), size, interpolation=cv2.INTER_NEAREST) for one in uv_2hw]
    uv_2M = np.stack([axis_cc.reshape(-1)[at_M] for axis_cc in axes]).astype(np.float32, copy=False)
    cell_M = skin_cells(labels_cc.reshape(-1)[at_M].astype(np.uint8, copy=False), uv_2M)
    colour_M3 = lab_cc3.reshape(-1, 3)[at_M].astype(np.float32)
    thing_cc = np.zeros(labels_cc.shape, bool)
    thing_cc.reshape(-1)[at_M] = _unlike(cell_M, colour_M3, known)
    thing_cc = _regions(thing_cc, labels_cc > 0)
    return thing_cc, _after(known, cell_M, colour_M3, thing_cc.reshape(-1)[at_M], seconds)


def _unlike(cell_M: Index, colour_M3: F32, known: BodyColours) -> Bool:
    """Which colours differ from all known ones near their place of the skin; none where nothing is known there."""
    away_M = _difference(colour_M3, known.colour_Q3[cell_M])
    unlike_M = (away_M > DISTANCE) | (known.seen_Q[cell_M] < KNOWN_S)
    asked = np.flatnonzero(unlike_M)
    near_KN = _neighbours()[cell_M[asked]]
    away_KN = _difference(colour_M3[asked][:, None], known.colour_Q3[near_KN])
    is_known_KN = known.seen_Q[near_KN] >= KNOWN_S
    unlike_M[asked] = is_known_KN.any(axis=1) & ((away_KN > DISTANCE) | ~is_known_KN).all(axis=1)
    return unlike_M


def _difference(one: F32, other: F32) -> F32:
    """Length of the difference of colours, along the last axis."""
    weight_3 = np.array([LUMA_WEIGHT**2, 1, 1], np.float32)
    return np.asarray(np.sqrt((np.square(one - other) * weight_3).sum(axis=-1)), np.float32)


def _regions(unlike_cc: Bool, inside_cc: Bool) -> Bool:
    """The regions of unlike cells that are neither too small nor, together, too large."""
    side = max(3, round(REACH * len(inside_cc)) | 1)
    near_cc, whole_cc = (cv2.blur(one.astype(np.float32), (side, side)) for one in (unlike_cc, inside_cc))
    thing_cc = inside_cc & (near_cc > 0.5 * whole_cc)
    _, region_cc, facts_R5, _ = cv2.connectedComponentsWithStats(thing_cc.view(np.uint8))
    pixels = int(np.count_nonzero(inside_cc))
    kept_R = facts_R5[:, cv2.CC_STAT_AREA] >= LEAST_SHARE * pixels
    kept_R[0] = False
    thing_cc = kept_R[region_cc]
    return thing_cc if np.count_nonzero(thing_cc) <= MOST_SHARE * pixels else np.zeros_like(thing_cc)


def _after(known: BodyColours, cell_M: Index, colour_M3: F32, is_thing_M: Bool, seconds: float) -> BodyColours:
    """The colours after a frame: of a thing they count less, so that another light becomes usual after a while."""
    colour_Q3, seen_Q = known.colour_Q3.copy(), known.seen_Q.copy()
    for kind_M, keep in ((~is_thing_M, KEEP), (is_thing_M, KEEP_OUTLIER)):
        count_Q = np.bincount(cell_M[kind_M], minlength=len(seen_Q))
        met_K = np.flatnonzero(count_Q)
        sum_3K = [np.bincount(cell_M[kind_M], axis_M, len(seen_Q))[met_K] for axis_M in colour_M3[kind_M].T]
        mean_K3 = np.stack(sum_3K, axis=1) / count_Q[met_K, None]
        gain_K = np.maximum(seconds / (seen_Q[met_K] + seconds) * (keep == KEEP), 1 - remaining(keep, seconds))
        colour_Q3[met_K] += gain_K[:, None] * (mean_K3 - colour_Q3[met_K])
        seen_Q[met_K] += seconds * (keep == KEEP)
    return BodyColours(colour_Q3=colour_Q3, seen_Q=seen_Q)


@cache
def _neighbours() -> Index:
    """Cells (Q, NEIGHBOURS) near each on the body at rest; the cell itself where there are fewer."""
    middle_C = ((np.arange(CELLS) + 0.5) / CELLS).astype(np.float32)
    uv_2Q = np.stack([np.tile(middle_C, CHARTS * CELLS), np.tile(np.repeat(middle_C, CELLS), CHARTS)])
    chart_Q = np.repeat(np.arange(1, CHARTS + 1, dtype=np.uint8), CELLS * CELLS)
    painting = load_painting_mesh()
    corner_Q3, share_Q3 = painting.points(chart_Q, uv_2Q)
    place_Q3 = np.einsum("qk,qki->qi", share_Q3, painting.mesh.vertex_V3[corner_Q3])
    _, near_QN = cKDTree(place_Q3).query(place_Q3, k=NEIGHBOURS, distance_upper_bound=NEAR_M)
    return np.asarray(np.where(near_QN < len(place_Q3), near_QN, np.arange(len(place_Q3))[:, None]), np.intp)
