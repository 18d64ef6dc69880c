"""The face of a charted surface, and the position on it, for each texel of an atlas."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import cv2
import numpy as np

from models.arrays import F32, I32, U8, Bool, Int
from models.surface.charted_mesh import open_body_mesh

T = TypeVar("T", U8, F32)
CHARTS = 24
SHIFT = 6
"""OpenCV draws triangles with corners in units of 1/64 texel (SHIFT bits)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TexelFaces:
    """The P texels of 24 tiles that show a face.

    Attributes:
        side: texels per side of a tile.
        texel_P: chart index (0..23) · side² + row · side + column, ascending.
        face_P: face of each texel.
        weight_P3: barycentric weights of its corners, clipped to the face.
    """

    side: int
    texel_P: Int
    face_P: I32
    weight_P3: F32

    def cover(self) -> Bool:
        """Which texels show the surface, (24, side, side)."""
        cover = np.zeros(CHARTS * self.side**2, np.bool_)
        cover[self.texel_P] = True
        return cover.reshape(CHARTS, self.side, self.side)


def texel_faces(chart_F: U8, corner_uv_F32: F32, side: int) -> TexelFaces:
    """Draw each face into its tile, with borders: column = U·(side − 1), row = (1 − V)·(side − 1).

    Args:
        chart_F: 1..24.
        corner_uv_F32: U, V of the corners, 0..1.
        side: texels per side of a tile.
    """
    corner_F32 = _corner_places(corner_uv_F32, side)
    tiles = _face_tiles(chart_F, corner_F32, side)
    texel_P = np.flatnonzero(tiles.reshape(-1) >= 0)
    face_P = tiles.reshape(-1)[texel_P]
    row_P, column_P = np.divmod(texel_P % side**2, side)
    place_P2 = np.stack([column_P, row_P], axis=1).astype(np.float32)
    return TexelFaces(
        side=side, texel_P=texel_P, face_P=face_P, weight_P3=clipped_weights(place_P2, corner_F32[face_P])
    )


def _corner_places(corner_uv_F32: F32, side: int) -> F32:
    """Column and row of each face's corners, (F, 3, 2)."""
    return np.stack([corner_uv_F32[..., 0], 1 - corner_uv_F32[..., 1]], axis=-1) * np.float32(side - 1)


def _face_tiles(chart_F: U8, corner_F32: F32, side: int) -> I32:
    """The face of each texel of 24 tiles, (24, side, side); -1 where there is none."""
    fixed_F32 = np.rint(corner_F32 * (1 << SHIFT)).astype(np.int32)
    tiles = np.full((CHARTS, side, side), -1, np.int32)
    for face, chart in enumerate(chart_F.tolist()):
        cv2.fillConvexPoly(tiles[chart - 1], fixed_F32[face], face, cv2.LINE_8, SHIFT)
    return tiles


def clipped_weights(place_P2: F32, corner_P32: F32) -> F32:
    """Barycentric weights (P, 3) of points in plane triangles, clipped to the triangle."""
    a, b, c = corner_P32[:, 0], corner_P32[:, 1], corner_P32[:, 2]
    area = _cross(b - a, c - a)
    area = np.where(np.abs(area) < 1e-9, np.float32(1), area)
    second, third = _cross(place_P2 - a, c - a) / area, _cross(b - a, place_P2 - a) / area
    weight_P3 = np.clip(np.stack([1 - second - third, second, third], axis=1), 0, 1)
    return np.asarray(weight_P3 / weight_P3.sum(axis=1, keepdims=True), np.float32)


@cache
def open_body_cover(side: int) -> Bool:
    """Texels inside of the open body's charts, (24, side, side)."""
    mesh = open_body_mesh()
    return _face_tiles(mesh.chart_F, _corner_places(mesh.corner_uv_F32, side), side) >= 0


@cache
def rest_places(side: int) -> F32:
    """Places on the mean open body at rest under the texels of 24 tiles, (24, side, side, 3), metres.

    Texels outside of a chart have the place of its nearest texel.
    """
    mesh = open_body_mesh()
    texels = texel_faces(mesh.chart_F, mesh.corner_uv_F32, side)
    place_P3 = np.zeros((CHARTS * side**2, 3), np.float32)
    place_P3[texels.texel_P] = np.einsum(
        "pk,pki->pi", texels.weight_P3, mesh.vertex_V3[mesh.face_F3[texels.face_P]]
    )
    places = [
        tile_P3[nearest_texel(cover_SS)]
        for tile_P3, cover_SS in zip(place_P3.reshape(CHARTS, -1, 3), texels.cover(), strict=True)
    ]
    return np.stack(places).reshape(CHARTS, side, side, 3)


def enlarged(tiles_PSSC: U8, side: int) -> U8:
    """Tiles enlarged to at least `side` texels; the first and last texels stay at U, V = 0 and 1."""
    if tiles_PSSC.shape[1] >= side:
        return tiles_PSSC
    return np.stack([enlarged_tile(tile, side) for tile in tiles_PSSC])


def enlarged_tile(tile_SSC: T, side: int) -> T:
    """One tile of bytes or floats, interpolated to another side."""
    at_S = np.linspace(0, tile_SSC.shape[1] - 1, side, dtype=np.float32)
    column_SS, row_SS = np.meshgrid(at_S, at_S)
    return np.asarray(cv2.remap(tile_SSC, column_SS, row_SS, cv2.INTER_LINEAR), tile_SSC.dtype)


def alpha_over(below_HWC: U8, above_HWC: U8) -> U8:
    """Alpha compositing of one image over another of the same size; alpha is not premultiplied."""
    if above_HWC.shape[2] == 3:
        above_HWC = np.dstack([above_HWC, np.full(above_HWC.shape[:2], 255, np.uint8)])
    above_HW1 = above_HWC[..., 3:] / np.float32(255)
    below_HW1 = below_HWC[..., 3:] / np.float32(255) if below_HWC.shape[2] == 4 else np.ones_like(above_HW1)
    whole_HW1 = above_HW1 + below_HW1 * (1 - above_HW1)
    mixed_HW3 = above_HWC[..., :3] * above_HW1 + below_HWC[..., :3] * (below_HW1 * (1 - above_HW1))
    mixed_HW3 = mixed_HW3 / np.maximum(whole_HW1, 1e-6)
    if below_HWC.shape[2] == 4:
        mixed_HW3 = np.dstack([mixed_HW3, whole_HW1 * 255])
    return np.rint(mixed_HW3).astype(np.uint8)


def nearest_texel(kept_HW: Bool) -> Int:
    """For each texel of one tile the flat index of the nearest kept texel; at least one must be kept."""
    zero_HW = np.where(kept_HW, 0, 1).astype(np.uint8)
    _, number_HW = cv2.distanceTransformWithLabels(zero_HW, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    flat_of_number = np.zeros(int(number_HW.max()) + 1, np.int64)
    kept = np.flatnonzero(kept_HW.reshape(-1))
    flat_of_number[number_HW.reshape(-1)[kept]] = kept
    return flat_of_number[number_HW.reshape(-1)]


def _cross(a_M2: F32, b_M2: F32) -> F32:
    return np.asarray(a_M2[:, 0] * b_M2[:, 1] - a_M2[:, 1] * b_M2[:, 0], np.float32)
