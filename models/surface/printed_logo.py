"""Logos that are placed in centimetres on the body: one image over the seams of charts, as large as stated."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from models.arrays import F32, F64, U8
from models.errors import ModelError
from models.nearest_name import suggest_name
from models.surface.charted_mesh import open_body_mesh
from models.surface.flat_patch import FlatPatch, SkinPlace, flat_patch, moved_place, place_on
from models.surface.texels import CHARTS, TexelFaces, alpha_over, nearest_texel, texel_faces

TORSO, UPPER, LOWER = (1, 2), (7, 8, 9, 10), (11, 12, 13, 14)
AHEAD, BEHIND, DOWN = (0.0, 0.0, 1.0), (0.0, 0.0, -1.0), (0.0, -1.0, 0.0)
PLACES: dict[
    str, tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float], tuple[int, ...]]
] = {
    "chest": ((0.0, 1.32, 0.03), AHEAD, DOWN, TORSO),
    "chest_left": ((0.08, 1.35, 0.03), AHEAD, DOWN, TORSO),
    "chest_right": ((-0.08, 1.35, 0.03), AHEAD, DOWN, TORSO),
    "belly": ((0.0, 1.14, 0.03), AHEAD, DOWN, TORSO),
    "back": ((0.0, 1.34, 0.03), BEHIND, DOWN, TORSO),
    "back_lower": ((0.0, 1.14, 0.03), BEHIND, DOWN, TORSO),
    "sleeve_left": ((0.245, 1.353, 0.031), (0.741, 0.671, 0.0), (0.671, -0.741, 0.077), (15, 17)),
    "sleeve_right": ((-0.245, 1.353, 0.031), (-0.741, 0.671, 0.0), (-0.671, -0.741, 0.077), (16, 18)),
    "thigh_left": ((0.118, 0.74, 0.035), AHEAD, DOWN, UPPER),
    "thigh_right": ((-0.118, 0.74, 0.035), AHEAD, DOWN, UPPER),
    "calf_left": ((0.172, 0.36, 0.025), BEHIND, DOWN, LOWER),
    "calf_right": ((-0.172, 0.36, 0.025), BEHIND, DOWN, LOWER),
}
"""A point inside the body at rest, the directions out of it and down, and the charts that a ray leaves it through."""
SPREAD = 8
"""Texels around a chart into which a logo goes on, since U and V of networks exceed charts a little."""
LEAST_ROOM = 0.97
"""Share of a logo that must find skin."""
MOST_TEXELS_CM = 14
"""Images are made smaller to this many pixels a centimetre: texels are not finer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceCm:
    """Where on the body an image is, in centimetres on the skin of a body 1.78 m tall.

    Attributes:
        at: one of `PLACES`; left and right are the wearer's.
        size: the image's width.
        offset: how far its middle is moved to the right and down, for who looks at it.
        angle: degrees by which it is rotated clockwise.
    """

    at: str = "chest"
    size: float = 25.0
    offset: tuple[float, float] = (0.0, 0.0)
    angle: float = 0.0

    def __post_init__(self) -> None:
        """Raises ValueError for an unknown place or a size that no body has room for."""
        if self.at not in PLACES:
            raise ValueError(f"at is {self.at!r}: {suggest_name(self.at, PLACES)}")
        if not 0.5 <= self.size <= 80:
            raise ValueError(f"size is {self.size}, must be from 0.5 to 80 centimetres")
        if not max(map(abs, self.offset)) <= 40:
            raise ValueError(f"offset is {list(self.offset)}, must be within 40 centimetres")
        if not math.isfinite(self.angle):
            raise ValueError(f"angle is {self.angle}, must be degrees")


class PrintedLogo:
    """An image on the body, drawn into the tiles of an atlas; what depends on their side is computed once."""

    def __init__(self, place: PlaceCm, image_HWC: U8, picture: str) -> None:
        """Raises ModelError, which names the picture, if the body has no room for it."""
        self._image_HW4 = _with_alpha(image_HWC)
        height, width = image_HWC.shape[:2]
        self._size_2 = np.array([place.size, place.size * height / width], np.float32) / np.float32(100)
        self._patch = _patch_of(place, self._size_2, picture)
        if _room(self._patch, self._size_2) < LEAST_ROOM:
            what = f"there is no room for {place.size:g} × {100 * self._size_2[1]:.0f} cm at {place.at}"
            raise ModelError(what, picture, "make it smaller, or move it with offset")
        self._drawn: tuple[int, dict[int, U8]] = (0, {})

    def __call__(self, tiles_PSSC: U8) -> U8:
        """Tiles (24, side, side, 3 or 4) with the image on them."""
        side = tiles_PSSC.shape[1]
        if self._drawn[0] != side:
            self._drawn = side, dict(self._tiles(side))
        result = tiles_PSSC.copy()
        for tile, drawn_SS4 in self._drawn[1].items():
            result[tile] = alpha_over(result[tile], drawn_SS4)
        return result

    def _tiles(self, side: int) -> list[tuple[int, U8]]:
        mesh = open_body_mesh()
        chart_K = mesh.chart_F[self._patch.face_K]
        texels = texel_faces(chart_K, mesh.corner_uv_F32[self._patch.face_K], side)
        share_M2 = np.einsum("mk,mkx->mx", texels.weight_P3, self._patch.corner_K32[texels.face_P])
        share_M2 = share_M2 / self._size_2 + np.float32(0.5)
        image_HW4, places_PSS2 = self._image_HW4, _spread(texels, share_M2)
        rows, columns = (
            min(n, math.ceil(100 * m * MOST_TEXELS_CM))
            for n, m in zip(image_HW4.shape[:2], self._size_2[::-1], strict=True)
        )
        small_HW4 = cv2.resize(image_HW4, (columns, rows), interpolation=cv2.INTER_AREA)
        drawn = []
        for tile in np.unique(chart_K.astype(int) - 1).tolist():
            x_SS, y_SS = places_PSS2[tile, ..., 0] * columns - 0.5, places_PSS2[tile, ..., 1] * rows - 0.5
            tile_SS4 = np.asarray(cv2.remap(small_HW4, x_SS, y_SS, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
            inside_SS = (np.abs(places_PSS2[tile] - 0.5) <= 0.5).all(axis=2)
            tile_SS4[~inside_SS] = 0
            if inside_SS.any():
                drawn.append((tile, tile_SS4.astype(np.uint8)))
        return drawn


def _patch_of(place: PlaceCm, size_2: F32, picture: str) -> FlatPatch:
    """The skin around a logo, laid flat: metres right of its middle and below it, along its own sides."""
    mesh, offset_2 = open_body_mesh(), np.array(place.offset) / 100
    spot: SkinPlace | None = place_on(mesh, *PLACES[place.at])
    if offset_2.any() and spot is not None:
        spot = moved_place(mesh, spot, offset_2)
    if spot is None:
        raise ModelError(f"the offset {list(place.offset)} leaves the {place.at}", picture, "give a smaller offset")
    patch = flat_patch(mesh, spot, 0.04 + 0.55 * float(np.hypot(*size_2)))
    angle = math.radians(place.angle)
    turn_22 = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    corner_K32 = patch.corner_K32.astype(np.float64) @ turn_22
    return FlatPatch(
        face_K=patch.face_K, corner_K32=(corner_K32 * _lengths(patch, corner_K32, size_2)).astype(np.float32)
    )


def _lengths(patch: FlatPatch, corner_K32: F64, size_2: F32) -> F64:
    """How long on the skin a metre of the flat patch is, to the right and down: the mean within a logo."""
    mesh = open_body_mesh()
    corner_K33 = mesh.vertex_V3[mesh.face_F3[patch.face_K]].astype(np.float64)
    flat_K22, skin_K23 = corner_K32[:, 1:] - corner_K32[:, :1], corner_K33[:, 1:] - corner_K33[:, :1]
    area_K = np.abs(np.linalg.det(flat_K22))
    inside_K = (np.abs(corner_K32.mean(axis=1)) < size_2 / 2).all(axis=1) & (area_K > 1e-9)
    if not inside_K.any():
        inside_K = area_K > 1e-9
    length_K2 = np.linalg.norm(np.linalg.solve(flat_K22[inside_K], skin_K23[inside_K]), axis=2)
    return np.average(length_K2, axis=0, weights=area_K[inside_K])


def _room(patch: FlatPatch, size_2: F32) -> float:
    """Share of a logo's area that lies on the patch."""
    cells = 64
    cover_hw = np.zeros((cells, cells), np.uint8)
    corner_K32 = np.rint(((patch.corner_K32 / size_2 + 0.5) * cells - 0.5) * 16).astype(np.int32)
    for corner_32 in corner_K32:
        cv2.fillConvexPoly(cover_hw, corner_32, 1, cv2.LINE_8, 4)
    return float(cover_hw.mean())


def _spread(texels: TexelFaces, share_M2: F32) -> F32:
    """Places in the image under the texels of 24 tiles (24, side, side, 2), also a little around the faces."""
    side, cover_PSS = texels.side, texels.cover()
    places = np.full((CHARTS * side * side, 2), -1, np.float32)
    places[texels.texel_P] = share_M2
    places_PSS2 = places.reshape(CHARTS, side, side, 2)
    for tile_SS2, cover_SS in zip(places_PSS2, cover_PSS, strict=True):
        if cover_SS.any():
            near_SS = cv2.distanceTransform((~cover_SS).astype(np.uint8), cv2.DIST_L2, 5) <= SPREAD
            tile_SS2[near_SS] = tile_SS2.reshape(-1, 2)[nearest_texel(cover_SS)].reshape(tile_SS2.shape)[near_SS]
    return places_PSS2


def _with_alpha(image_HWC: U8) -> U8:
    if image_HWC.shape[2] == 4:
        return image_HWC
    return np.dstack([image_HWC, np.full(image_HWC.shape[:2], 255, np.uint8)])
