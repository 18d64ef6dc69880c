"""Fitted bodies as OBJ meshes with U and V, in the texture of an atlas if one is named."""

from __future__ import annotations

from functools import cache
from io import StringIO

import numpy as np

from models.body.open_body import load_body
from models.errors import ModelError
from models.files.png_image import png_of
from models.surface.atlas import ROWS, join_tiles, portrait_places, split_tiles, tile_side
from models.surface.atlas_file import read_texels
from pipeline.stage import StageError, fitting_name
from stages.payloads import F32, U8
from stages.results.formats.frame_result import FrameResult, vertices_of_bodies
from stages.results.formats.iuv import person_numbers
from stages.results.formats.writer import ExportTarget, FilePerFrame, write_whole

MATERIAL_FILE, TEXTURE_FILE = "body.mtl", "atlas.png"
USUAL_SIDE = 200
"""Texels along a tile where no atlas is named: that of DensePose's own atlases."""
AXES_3 = np.array([1, -1, -1], np.float32)
"""From the camera's frame to that of the mesh: x right, y up, z towards the camera."""


class MeshFolder(FilePerFrame):
    """`frame_000123_2.obj` for each person of a frame, the number as in `inds`; `body.mtl` and the texture once."""

    beside = (MATERIAL_FILE, TEXTURE_FILE)

    def __init__(self, target: ExportTarget) -> None:
        """Raises StageError for an atlas that cannot be used."""
        super().__init__(target, ".obj", lambda result: b"")
        self._atlas = None if target.bodies.atlas is None else portrait_atlas(target.bodies.atlas)

    def add(self, result: FrameResult) -> None:
        """Write the files of the frame's people."""
        side = USUAL_SIDE if self._atlas is None else self._atlas.shape[0] // ROWS
        if self.frames == 0:
            self._write_material()
        numbers = person_numbers(result.id_N, still=result.video.still)
        for (i, _), vertex_V3 in zip(result.fitted, vertices_of_bodies(result), strict=True):
            path = self.folder / fitting_name(f"{result.name}_{numbers[i]}", ".obj")
            write_whole(path, obj_text(vertex_V3, side).encode())
        self.frames += 1

    def _write_material(self) -> None:
        texture = "" if self._atlas is None else f"map_Kd {TEXTURE_FILE}\n"
        colour = "0.77 0.79 0.84" if self._atlas is None else "1 1 1"
        write_whole(self.folder / MATERIAL_FILE, f"newmtl body\nKd {colour}\nKs 0 0 0\n{texture}".encode())
        if self._atlas is not None:
            write_whole(self.folder / TEXTURE_FILE, png_of(self._atlas))


def portrait_atlas(path: str) -> U8:
    """An atlas of 24 tiles as 6 rows × 4 columns, (H, W, 3 or 4) RGB. Raises StageError for any other file."""
    try:
        return join_tiles(split_tiles(read_texels(path, tile_side)))
    except ModelError as error:
        raise StageError(error.what, f"bodies.atlas: {path}", error.remedy) from error


def obj_text(vertex_V3: F32, side: int) -> str:
    """A body as Wavefront OBJ: metres, y up.

    Args:
        vertex_V3: in the camera's frame.
        side: texels along a tile of the texture.
    """
    text = StringIO()
    text.write(f"mtllib {MATERIAL_FILE}\nusemtl body\n")
    np.savetxt(text, vertex_V3 * AXES_3, "v %.4f %.4f %.4f")
    text.write(_topology(side))
    return text.getvalue()


@cache
def _topology(side: int) -> str:
    """Texture coordinates and faces, which all bodies share; a vertex has one of the former in each chart."""
    body = load_body()
    place_F32 = portrait_places(body.chart_F, body.corner_uv_F32, side).astype(np.float32)
    place_K2, index_M = np.unique(place_F32.reshape(-1, 2), axis=0, return_inverse=True)
    text = StringIO()
    np.savetxt(text, place_K2, "vt %.5f %.5f")
    corner_F6 = np.stack([body.face_F3, index_M.reshape(-1, 3)], axis=2).reshape(-1, 6) + 1
    np.savetxt(text, corner_F6, "f %d/%d %d/%d %d/%d")
    return text.getvalue()
