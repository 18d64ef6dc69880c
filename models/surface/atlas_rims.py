"""Padding of atlases: empty texels around a chart get the colour of the nearest painted texel.

DensePose's atlases are black outside of the charts, and a network's U and V exceed the charts' borders a little.
Without padding, black seams would be visible.
"""

from __future__ import annotations

import cv2
import numpy as np

from models.arrays import U8, Bool, Int
from models.surface.texels import CHARTS, nearest_texel, open_body_cover

PAPER_SHARE = 0.3
"""Minimum share of empty texels outside of a chart for which a tile needs padding; other tiles are fully painted."""
RIM = 0.12
"""How far empty texels may reach into the open body's chart, in tiles: charts of other bodies differ by that much."""
BLACK = 2
"""Opaque texels up to this brightness count as empty."""


def rim_sources(tiles_PSSC: U8) -> Int | None:
    """For each texel of 24 tiles the flat index of the texel with its colour, (24, side²); None: no padding needed.

    In opaque atlases, texels are empty if they are black and connected with the outside of the chart. In atlases with
    alpha, only texels outside of the chart are padded: transparent texels inside are intended.
    """
    side = tiles_PSSC.shape[1]
    empty_PSS = _empty(tiles_PSSC)
    if not empty_PSS.any():
        return None
    cover_PSS = open_body_cover(side)
    own = np.arange(side * side)
    opaque = tiles_PSSC.shape[3] == 3
    sources = [_sources_of_tile(empty, cover, opaque=opaque) for empty, cover in zip(empty_PSS, cover_PSS, strict=True)]
    if all(source is None for source in sources):
        return None
    return np.stack([own if source is None else source for source in sources])


def take_texels(tiles_PSSC: U8, source_PS: Int | None) -> U8:
    """The tiles with each texel taken from the index in `source_PS`."""
    if source_PS is None:
        return tiles_PSSC
    flat = tiles_PSSC.reshape(CHARTS, -1, tiles_PSSC.shape[3])
    return np.take_along_axis(flat, source_PS[..., None], axis=1).reshape(tiles_PSSC.shape)


def _empty(tiles_PSSC: U8) -> Bool:
    if tiles_PSSC.shape[3] == 4:
        return np.asarray(tiles_PSSC[..., 3] == 0)
    return np.asarray(tiles_PSSC.max(axis=3) <= BLACK)


def _sources_of_tile(empty_SS: Bool, cover_SS: Bool, *, opaque: bool) -> Int | None:
    outside_SS = ~cover_SS
    if not outside_SS.any() or empty_SS[outside_SS].mean() < PAPER_SHARE:
        return None
    lost_SS = outside_SS
    if opaque:
        lost_SS = _paper(empty_SS, outside_SS) | (outside_SS & empty_SS)
    kept_SS = ~lost_SS & (~empty_SS if opaque else cover_SS)
    return nearest_texel(~lost_SS) if kept_SS.any() else None


def _paper(empty_SS: Bool, outside_SS: Bool) -> Bool:
    """Empty texels that are connected with the outside, within `RIM`, and their blurred border."""
    _, piece_SS = cv2.connectedComponents(empty_SS.astype(np.uint8), connectivity=4)
    reaching = np.unique(piece_SS[outside_SS & empty_SS])
    paper_SS = empty_SS & np.isin(piece_SS, reaching)
    depth_SS = cv2.distanceTransform((~outside_SS).astype(np.uint8), cv2.DIST_L2, 5)
    paper_SS &= depth_SS <= RIM * len(empty_SS)
    return np.asarray(cv2.dilate(paper_SS.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)
