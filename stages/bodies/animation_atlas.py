"""The texture of animated bodies: the atlas that a user names, or the default one."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from models.errors import ModelError
from models.surface.atlas import DEFAULT_ATLAS, ROWS, join_tiles, split_tiles, tile_side
from models.surface.atlas_file import read_texels
from pipeline.stage import StageError


@cache
def animation_atlas(path: str | None) -> tuple[bytes, int]:
    """An atlas of 24 tiles as PNG, 6 rows by 4 columns, and the side of a tile in texels.

    Where the atlas is transparent it becomes white.

    Raises: StageError for another file than an atlas.
    """
    if path is None:
        return DEFAULT_ATLAS.read_bytes(), tile_side(800, 1200)
    try:
        texels_HWC = join_tiles(split_tiles(read_texels(path, tile_side)))
    except ModelError as error:
        raise StageError(error.what, f"animate.atlas: {path}", error.remedy) from error
    rgb_HW3 = texels_HWC[..., :3]
    if texels_HWC.shape[2] == 4:
        share_HW1 = texels_HWC[..., 3:] / 255.0
        rgb_HW3 = np.rint(rgb_HW3 * share_HW1 + 255 * (1 - share_HW1)).astype(np.uint8)
    return cv2.imencode(".png", rgb_HW3[..., ::-1])[1].tobytes(), rgb_HW3.shape[0] // ROWS
