"""Whole-body maps: one texture image of the whole body instead of 24 tiles, and conversion between both.

A layout gives the position in the image of each face of a charted surface. `figures` is the open body's layout (a
person from the front and from the back). Any other layout is an .obj of the SMPL body with texture coordinates, in the
same folder as DensePose's `UV_Processed.mat` (users must provide both).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from models.arrays import F32, I32, U8
from models.errors import ModelError
from models.surface.atlas import atlas_from_tiles, sample_atlas
from models.surface.charted_mesh import ChartedMesh, open_body_mesh
from models.surface.smpl_files import read_smpl_mesh
from models.surface.texels import CHARTS, SHIFT, clipped_weights, nearest_texel, texel_faces

FIGURES = "figures"
MARGIN = 0.02
"""Free share of the image above, below and between the two figures."""
TILE_OF_MAP = 5
"""A map with side S gives tiles with side S / TILE_OF_MAP, which keeps its resolution."""
SMALLEST_TILE, LARGEST_TILE = 64, 512


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeBodyLayout:
    """Positions of F faces in a chart and in the map.

    Attributes:
        chart_F: 1..24.
        chart_uv_F32: U, V of the corners in the chart.
        map_xy_F32: x (right) and y (down) of the corners in the map, 0..1 from edge to edge.
        depth_F: where faces overlap in the map, the one with the smallest depth is visible.
    """

    chart_F: U8
    chart_uv_F32: F32
    map_xy_F32: F32
    depth_F: F32


def read_layout(name: str) -> WholeBodyLayout:
    """The layout `figures`, or the one of an .obj. Raises ModelError naming what is missing."""
    if name == FIGURES:
        return figures()
    path = Path(name)
    if path.suffix != ".obj":
        raise ModelError("there is no such whole-body layout", name, f"give {FIGURES}, or an .obj of the SMPL body")
    return obj_layout(read_smpl_mesh(path.parent, path), path)


def figures() -> WholeBodyLayout:
    """The mean open body in two views side by side: front (left half of the image) and back (right half).

    Each face is in the view that it faces, so the figures' outlines have no stretched faces.
    """
    mesh = open_body_mesh()
    corner_F33 = mesh.vertex_V3[mesh.face_F3]
    ahead_F = np.cross(corner_F33[:, 1] - corner_F33[:, 0], corner_F33[:, 2] - corner_F33[:, 0])[:, 2] >= 0
    x, y = mesh.vertex_V3[:, :2].T
    scale = (1 - 2 * MARGIN) / max(float(np.ptp(y)), 2 * float(np.ptp(x)) + MARGIN)
    down_F3 = (float(y.max()) - corner_F33[..., 1]) * scale + (1 - float(np.ptp(y)) * scale) / 2
    # In the view from behind, the person's left is the viewer's left.
    across_F3 = np.where(ahead_F[:, None], 0.25 + corner_F33[..., 0] * scale, 0.75 - corner_F33[..., 0] * scale)
    depth_F = np.where(ahead_F, -corner_F33[..., 2].mean(axis=1), corner_F33[..., 2].mean(axis=1))
    return WholeBodyLayout(
        chart_F=mesh.chart_F,
        chart_uv_F32=mesh.corner_uv_F32,
        map_xy_F32=np.stack([across_F3, down_F3], axis=-1).astype(np.float32),
        depth_F=depth_F.astype(np.float32),
    )


def obj_layout(mesh: ChartedMesh, path: Path) -> WholeBodyLayout:
    """The layout of an .obj's texture coordinates, for a charted mesh with the same vertices.

    Raises: ModelError if it has no texture coordinates, or faces of another body.
    """
    xy_T2, corner_place = _read_texture(path)
    if not corner_place:
        raise ModelError("has no texture coordinates", str(path), "export it with UVs (lines `vt`, faces `v/vt`)")
    kept, places = [], []
    for face, corners in enumerate(mesh.face_F3.tolist()):
        known = corner_place.get(frozenset(corners))
        if known is not None:
            kept.append(face)
            places.append([known[vertex] for vertex in corners])
    if len(kept) < 0.9 * len(mesh.face_F3):
        what = f"only {len(kept)} of {len(mesh.face_F3)} faces match the charts"
        raise ModelError(what, str(path), "give the SMPL body with its original triangles")
    chosen = np.array(kept)
    return WholeBodyLayout(
        chart_F=mesh.chart_F[chosen],
        chart_uv_F32=mesh.corner_uv_F32[chosen],
        map_xy_F32=xy_T2[np.array(places)],
        depth_F=np.zeros(len(kept), np.float32),
    )


def _read_texture(path: Path) -> tuple[F32, dict[frozenset[int], dict[int, int]]]:
    """Texture coordinates (T, 2) with y down, and for each triangle the texture index of its vertices."""
    place: list[tuple[float, float]] = []
    of_face: dict[frozenset[int], dict[int, int]] = {}
    try:
        for line in path.read_text().splitlines():
            words = line.split()
            if words[:1] == ["vt"]:
                place.append((float(words[1]), 1 - float(words[2])))
            elif words[:1] == ["f"] and all(word.count("/") and word.split("/")[1] for word in words[1:4]):
                corners = {int(w.split("/")[0]) - 1: int(w.split("/")[1]) - 1 for w in words[1:4]}
                of_face[frozenset(corners)] = corners
    except (ValueError, IndexError, UnicodeDecodeError) as error:
        raise ModelError(f"cannot be read as a mesh ({error})", str(path), "export it again") from error
    if any(not 0 <= t < len(place) for corners in of_face.values() for t in corners.values()):
        raise ModelError("faces refer to missing texture coordinates", str(path), "export it again")
    return np.array(place, np.float32).reshape(-1, 2), of_face


class MapReader:
    """Converts whole-body maps of one layout and size to 24 tiles. The lookup table is computed once."""

    def __init__(self, layout: WholeBodyLayout, size: int) -> None:
        """Args: layout; size: side of the map in pixels."""
        self.side = int(np.clip(size // TILE_OF_MAP, SMALLEST_TILE, LARGEST_TILE))
        covered_HW = _faces_in_map(layout.map_xy_F32 * np.float32(size) - np.float32(0.5), layout.depth_F, size) >= 0
        self._source_Q = nearest_texel(covered_HW)
        texels = texel_faces(layout.chart_F, layout.chart_uv_F32, self.side)
        place_P2 = np.einsum("pk,pkx->px", texels.weight_P3, layout.map_xy_F32[texels.face_P])
        flat = np.zeros((CHARTS * self.side**2, 2), np.float32)
        flat[texels.texel_P] = place_P2 * size - 0.5
        self._xy_PSS2 = flat.reshape(CHARTS, self.side, self.side, 2)
        for tile_SS2, cover_SS in zip(self._xy_PSS2, texels.cover(), strict=True):
            if cover_SS.any():
                tile_SS2[...] = tile_SS2.reshape(-1, 2)[nearest_texel(cover_SS)].reshape(tile_SS2.shape)

    def __call__(self, map_HWC: U8) -> U8:
        """Tiles (24, side, side, C). The map's background is not used: its rim is repeated around the body."""
        whole_HWC: U8 = map_HWC.reshape(-1, map_HWC.shape[2])[self._source_Q].reshape(map_HWC.shape)
        read = [
            cv2.remap(whole_HWC, xy_SS2[..., 0], xy_SS2[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for xy_SS2 in self._xy_PSS2
        ]
        return np.stack(read).astype(np.uint8)


def map_of_tiles(tiles_PSSC: U8, layout: WholeBodyLayout, size: int) -> U8:
    """The whole-body map (size, size, 4) of 24 tiles, transparent outside of the faces."""
    strip = atlas_from_tiles(tiles_PSSC[..., :3]).levels[0]
    corner_F32 = layout.map_xy_F32 * np.float32(size) - np.float32(0.5)
    face_HW = _faces_in_map(corner_F32, layout.depth_F, size)
    pixel_P = np.flatnonzero(face_HW.reshape(-1) >= 0)
    face_P = face_HW.reshape(-1)[pixel_P]
    place_P2 = np.stack([pixel_P % size, pixel_P // size], axis=1).astype(np.float32)
    weight_P3 = clipped_weights(place_P2, corner_F32[face_P])
    label_HW, uv_2HW = np.zeros((size, size), np.uint8), np.zeros((2, size, size), np.float32)
    label_HW.reshape(-1)[pixel_P] = layout.chart_F[face_P]
    uv_2HW.reshape(2, -1)[:, pixel_P] = np.einsum("pk,pkx->xp", weight_P3, layout.chart_uv_F32[face_P])
    result = sample_atlas(strip, label_HW, uv_2HW)
    result[label_HW == 0] = 0
    return result


def _faces_in_map(corner_F32: F32, depth_F: F32, size: int) -> I32:
    """The visible face at each pixel of the map; −1: none."""
    fixed_F32 = np.rint(corner_F32 * (1 << SHIFT)).astype(np.int32)
    face_HW = np.full((size, size), -1, np.int32)
    for face in np.argsort(-depth_F, kind="stable").tolist():
        cv2.fillConvexPoly(face_HW, fixed_F32[face], face, cv2.LINE_8, SHIFT)
    return face_HW
