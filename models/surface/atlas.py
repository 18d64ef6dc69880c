"""Texture atlases: 24 square tiles, one per chart, in DensePose's two layouts, and colour lookup.

In a tile the column grows with U and the row with 1 − V. U = 0 and U = 1 are the centres of the first and the last
column, as in DensePose's texture transfer (docs/textures.md). Bilinear sampling therefore stays inside a tile.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from models.arrays import U8, Float
from models.errors import ModelError

CHARTS = 24
COLUMNS, ROWS = 4, 6
"""Tiles of a portrait atlas, in column order."""
DEFAULT_ATLAS = Path(__file__).with_name("atlas_default.png")
SMALLEST_LEVEL = 8
"""Smallest side of a tile in a level, in pixels."""
LARGEST_SIDE = 32767 // CHARTS
"""Largest side of a tile in pixels, so that OpenCV can address a strip of 24 tiles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Atlas:
    """Strips of 24 tiles, chart 1 on top, as a pyramid of mip levels.

    Attributes:
        levels: uint8 strips (24·side, side, 4): RGB multiplied by alpha, and alpha. Premultiplied colours make means of
            texels correct; four channels are also faster to sample than three.
        has_alpha: whether some texels are transparent.
    """

    levels: tuple[U8, ...]
    has_alpha: bool


def split_tiles(texels_HWC: U8) -> U8:
    """Split an atlas image into tiles (24, side, side, C), chart 1 first.

    Portrait: 6 rows × 4 columns in column order (DensePose's layout). Landscape: 4 rows × 6 columns in row order.
    Raises ModelError for any other shape.
    """
    height, width, channels = texels_HWC.shape
    side = tile_side(width, height)
    if height > width:
        grid = texels_HWC.reshape(6, side, 4, side, channels).transpose(2, 0, 1, 3, 4)
    else:
        grid = texels_HWC.reshape(4, side, 6, side, channels).transpose(0, 2, 1, 3, 4)
    return np.ascontiguousarray(grid).reshape(CHARTS, side, side, channels)


def tile_side(width: int, height: int) -> int:
    """Side of a tile in pixels, for an atlas image of this size. Raises ModelError for any other shape."""
    side = max(height, width) // 6
    if side < 2 or (height, width) not in ((6 * side, 4 * side), (4 * side, 6 * side)):
        raise ModelError(
            f"an atlas of {width}×{height} pixels is not 24 square tiles",
            "",
            "use 6 rows × 4 columns (800×1200) or 4 rows × 6 columns (1200×800)",
        )
    if side > LARGEST_SIDE:
        raise ModelError(f"tiles of {side} pixels are too large", "", f"use tiles of at most {LARGEST_SIDE} pixels")
    return side


def join_tiles(tiles_PSSC: U8) -> U8:
    """Join 24 tiles to a portrait image (6·side, 4·side, C): the inverse of `split_tiles`."""
    side, channels = tiles_PSSC.shape[1], tiles_PSSC.shape[3]
    grid = tiles_PSSC.reshape(4, 6, side, side, channels).transpose(1, 2, 0, 3, 4)
    return np.ascontiguousarray(grid).reshape(6 * side, 4 * side, channels)


def portrait_places(chart_F: U8, corner_uv_F32: Float, side: int) -> Float:
    """Where corners of faces lie in a portrait atlas, (F, 3, 2): from its lower left corner, 0..1.

    Args:
        chart_F, corner_uv_F32: chart of each face, and U, V of its corners.
        side: texels along a tile.
    """
    tile_F = chart_F.astype(np.int64) - 1
    corner_F2 = np.stack([tile_F // ROWS, ROWS - 1 - tile_F % ROWS], axis=1)
    texel_F32 = corner_F2[:, None] * side + corner_uv_F32 * (side - 1) + 0.5
    return np.asarray(texel_F32 / (side * np.array([COLUMNS, ROWS])), np.float64)


def atlas_from_tiles(tiles_PSSC: U8) -> Atlas:
    """An atlas with all mip levels from uint8 tiles (24, side, side, 3 or 4)."""
    side, channels = tiles_PSSC.shape[1], tiles_PSSC.shape[3]
    strip = np.ascontiguousarray(tiles_PSSC).reshape(CHARTS * side, side, channels)
    has_alpha = channels == 4 and int(strip[..., 3].min()) < 255
    if channels == 3:
        strip = np.asarray(cv2.cvtColor(strip, cv2.COLOR_RGB2RGBA), np.uint8)
    levels = [weighed_by_alpha(strip) if has_alpha else strip]
    while side // 2 >= SMALLEST_LEVEL:
        side //= 2
        larger = levels[-1].reshape(CHARTS, -1, levels[-1].shape[1], 4)
        shrunk = [cv2.resize(tile, (side, side), interpolation=cv2.INTER_AREA) for tile in larger]
        levels.append(np.concatenate(shrunk))
    return Atlas(levels=tuple(levels), has_alpha=has_alpha)


def weighed_by_alpha(rgba_HW4: U8) -> U8:
    """RGBA with premultiplied colours, rounded."""
    alpha_HW1 = rgba_HW4[..., 3:].astype(np.uint16)
    weighed_HW3 = (rgba_HW4[..., :3] * alpha_HW1 + 127) // 255
    return np.concatenate([weighed_HW3.astype(np.uint8), rgba_HW4[..., 3:]], axis=-1)


def choose_level(atlas: Atlas, labels_hw: U8, uv_2hw: Float) -> int:
    """The mip level whose texels are about as large as this person's pixels.

    It is chosen by the median step of (U, V), in texels, between neighbours in one chart on about twenty rows.
    """
    stride = 1 + labels_hw.shape[0] // 20
    rows_hw = labels_hw[::stride]
    same = (rows_hw[:, 1:] == rows_hw[:, :-1]) & (rows_hw[:, 1:] > 0)
    if not same.any():
        return 0
    rows_2hw = uv_2hw[:, ::stride].astype(np.float32)
    steps_K = np.hypot(*(rows_2hw[:, :, 1:] - rows_2hw[:, :, :-1])[:, same])
    texels = float(np.median(steps_K)) * (atlas.levels[0].shape[1] - 1)
    return int(np.clip(np.floor(np.log2(max(texels, 1.0))), 0, len(atlas.levels) - 1))


def sample_atlas(strip: U8, labels_hw: U8, uv_2hw: Float) -> U8:
    """Bilinear colours (h, w, 4) uint8 of one level. UV is clamped to 0..1; pixels of label 0 are undefined."""
    last = strip.shape[1] - 1
    uv_2hw = np.clip(uv_2hw, 0, 1, dtype=np.float32)
    column_hw = uv_2hw[0] * np.float32(last)
    top_25 = np.maximum(np.arange(-1, CHARTS, dtype=np.float32), 0) * (last + 1) + last
    row_hw = cv2.LUT(labels_hw, np.resize(top_25, 256).astype(np.float32)) - uv_2hw[1] * np.float32(last)
    return np.asarray(cv2.remap(strip, column_hw, row_hw, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)
