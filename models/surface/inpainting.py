"""Inpainting of atlas texels that were never visible: from the mirror image, the surroundings, or the same limb."""

from __future__ import annotations

import cv2
import numpy as np

from models.arrays import U8, Float
from models.body.charts import COARSE_OF_CHART, MIRROR_CHART, mirror_uv
from models.surface.texels import CHARTS, open_body_cover

ENOUGH = 0.03
"""Minimum visible share of a chart whose own colours fill the rest of it."""
GAP = 5
"""Size of the closing kernel in texels: gaps of up to GAP - 1 texels between visible ones are closed."""
LIMBS_NEARBY = {1: (10, 11), 2: (3, 13), 3: (2, 12), 4: (5, 9), 5: (4, 8), 6: (7, 1), 7: (6, 1), 8: (9, 6), 9: (8, 7),
                10: (11, 1), 11: (10, 1), 12: (13, 10), 13: (12, 11), 14: (2, 3)}  # fmt: skip
"""Coarse parts that provide the colour of an invisible part: first the other side, then a neighbour."""


def fill_all(tiles_PSS4: U8) -> U8:
    """Fill all transparent texels; returns opaque tiles (24, side, side, 3).

    Sources in order: the mirror image on the other side of the body; the surrounding colours (`push_pull`); for charts
    with almost no visible texel the mean colour of the limb, of nearby limbs, or of the person.
    """
    whole = _with_mirror_image(tiles_PSS4)
    cover_PSS = open_body_cover(tiles_PSS4.shape[1])
    usual_P3 = _usual_colours(whole)
    filled = []
    for tile_SS4, cover_SS, usual_3 in zip(whole, cover_PSS, usual_P3, strict=True):
        seen = tile_SS4[..., 3] > 0
        enough = (seen & cover_SS).sum() >= ENOUGH * max(int(cover_SS.sum()), 1)
        filled.append(push_pull(tile_SS4) if enough else _plain(tile_SS4, usual_3))
    return np.stack(filled)


def close_gaps(tiles_PSS4: U8) -> U8:
    """Close small gaps between visible texels; larger holes stay transparent."""
    around = np.ones((GAP, GAP), np.uint8)
    closed = []
    for tile_SS4 in tiles_PSS4:
        alpha_SS = np.asarray(cv2.morphologyEx(tile_SS4[..., 3], cv2.MORPH_CLOSE, around), np.uint8)
        colour_SS3 = push_pull(tile_SS4) if alpha_SS.any() else tile_SS4[..., :3]
        closed.append(np.dstack([np.where(alpha_SS[..., None] > 0, colour_SS3, 0), alpha_SS]).astype(np.uint8))
    return np.stack(closed)


def push_pull(tile_SS4: U8) -> U8:
    """Fill transparent texels from their surroundings by push-pull over a pyramid (Gortler et al. 1996)."""
    weight = (tile_SS4[..., 3] / np.float32(255))[..., None]
    levels = [np.concatenate([tile_SS4[..., :3] * weight, weight], axis=-1).astype(np.float32)]
    while min(levels[-1].shape[:2]) > 1:
        half = (max(levels[-1].shape[1] // 2, 1), max(levels[-1].shape[0] // 2, 1))
        levels.append(np.asarray(cv2.resize(levels[-1], half, interpolation=cv2.INTER_AREA), np.float32))
    known = levels[-1]
    for finer in reversed(levels[:-1]):
        coarse = cv2.resize(known, finer.shape[1::-1], interpolation=cv2.INTER_LINEAR).reshape(finer.shape)
        coarse = coarse / np.maximum(coarse[..., 3:], 1e-6)
        share = np.minimum(finer[..., 3:], 1)
        known = np.concatenate([finer[..., :3] + coarse[..., :3] * (1 - share), np.ones_like(share)], axis=-1)
    return np.rint(np.clip(known[..., :3], 0, 255)).astype(np.uint8)


def _with_mirror_image(tiles_PSS4: U8) -> U8:
    """Fill transparent texels from their mirror image, where that is visible."""
    ramp = np.linspace(0, 1, 2)
    result = tiles_PSS4.copy()
    for chart in range(1, CHARTS + 1):
        label = np.full(2, chart, np.uint8)
        turned_u, turned_v = mirror_uv(label, ramp, ramp)
        other = tiles_PSS4[MIRROR_CHART[chart] - 1]
        other = other[:, ::-1] if turned_u[0] > 0 else other
        other = other[::-1] if turned_v[0] > 0 else other
        empty = result[chart - 1][..., 3] == 0
        result[chart - 1][empty] = other[empty]
    return result


def _usual_colours(tiles_PSS4: U8) -> Float:
    """Mean colour (24, 3) of each chart's limb, or of nearby limbs if it is invisible."""
    weight_P = (tiles_PSS4[..., 3] > 0).sum(axis=(1, 2)).astype(float)
    sums_P3 = (tiles_PSS4[..., :3] * (tiles_PSS4[..., 3:] > 0)).sum(axis=(1, 2), dtype=np.float64)
    limb_P = COARSE_OF_CHART[1:].astype(int)
    weight_L = np.bincount(limb_P, weight_P, 15)
    sums_L3 = np.stack([np.bincount(limb_P, sums_P3[:, c], 15) for c in range(3)], axis=1)
    person_3 = sums_L3.sum(axis=0) / max(weight_L.sum(), 1)
    colours = []
    for limb in limb_P.tolist():
        known = [near for near in (limb, *LIMBS_NEARBY[limb]) if weight_L[near] > 0]
        colours.append(sums_L3[known[0]] / weight_L[known[0]] if known else person_3)
    return np.array(colours)


def _plain(tile_SS4: U8, usual_3: Float) -> U8:
    """The visible texels over one colour."""
    seen = tile_SS4[..., 3:] > 0
    return np.where(seen, tile_SS4[..., :3], np.rint(usual_3).astype(np.uint8)).astype(np.uint8)
