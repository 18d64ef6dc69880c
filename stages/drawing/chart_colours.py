"""Drawing charts and coordinates in colours: one colour per chart, UV as a field with grid lines, confidence."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np

from models.surface.atlas import CHARTS, Atlas, atlas_from_tiles
from stages.drawing.compositing import Visible, blend_over, chart_borders, soft_cover
from stages.payloads import U8, Float

_HUE_AND_LIGHT = (
    (0.60, 0.45), (0.58, 0.62),  # torso: back, front
    (0.92, 0.55), (0.42, 0.50),  # hands: right, left
    (0.30, 0.45), (0.97, 0.45),  # feet: left, right
    (0.03, 0.42), (0.22, 0.38),  # upper legs, back: right, left
    (0.05, 0.60), (0.20, 0.55),  # upper legs, front
    (0.95, 0.38), (0.27, 0.33),  # lower legs, back
    (0.00, 0.68), (0.25, 0.65),  # lower legs, front
    (0.47, 0.42), (0.82, 0.45),  # upper arms, inner: left, right
    (0.49, 0.60), (0.80, 0.65),  # upper arms, outer
    (0.52, 0.35), (0.75, 0.42),  # lower arms, inner
    (0.45, 0.72), (0.72, 0.72),  # lower arms, outer
    (0.12, 0.50), (0.15, 0.66),  # head: right, left
)  # fmt: skip
"""Hue and lightness of each chart: right is warm and left is cool, fronts are lighter than backs, the head is yellow
and the torso blue."""

UV_TILE = 256
UV_LINES = 10
"""Number of steps of U and of V into which grid lines divide a chart."""


def part_palette() -> U8:
    """RGB colour of each label, (25, 3) uint8; label 0 is black and never drawn."""
    colours = [(0.0, 0.0, 0.0)] + [colorsys.hls_to_rgb(hue, light, 0.75) for hue, light in _HUE_AND_LIGHT]
    return np.rint(np.array(colours) * 255).astype(np.uint8)


def paint_parts(visible: Visible, palette_253: U8, *, opacity: float) -> None:
    """Draw one colour per chart, in place, with a darker line where two charts meet."""
    colour_hw3 = _looked_up(palette_253, visible.labels_hw)
    colour_hw3[chart_borders(visible.labels_hw) > 0] //= 2
    blend_over(visible.canvas, colour_hw3, soft_cover(visible.labels_hw, opacity))


def ramp_256() -> U8:
    """Colour map of 0..1 in 256 steps, dark blue to yellow, (256, 3) RGB."""
    steps = np.arange(256, dtype=np.uint8)[:, None]
    return np.asarray(cv2.applyColorMap(steps, cv2.COLORMAP_VIRIDIS)[:, 0, ::-1], np.uint8)


def coordinate_atlas(axis: int) -> Atlas:
    """An atlas of one coordinate, 0 = U or 1 = V, in the colours of `ramp_256`."""
    ramp_SS3 = np.broadcast_to(ramp_256()[None], (UV_TILE, UV_TILE, 3))
    tile_SS3 = ramp_SS3 if axis == 0 else ramp_SS3[:, ::-1].swapaxes(0, 1)
    return atlas_from_tiles(np.repeat(tile_SS3[None], CHARTS, axis=0))


def paint_confidence(visible: Visible, confidence_hw: Float, *, opacity: float) -> None:
    """Draw the confidence of each pixel in the colours of `ramp_256`, in place; yellow = 1."""
    level_hw = np.rint(np.clip(confidence_hw, 0, 1, dtype=np.float32) * 255).astype(np.uint8)
    blend_over(visible.canvas, _looked_up(ramp_256(), level_hw), soft_cover(visible.labels_hw, opacity))


def _looked_up(colours_K3: U8, index_hw: U8) -> U8:
    """Colours by index, (h, w, 3)."""
    table_256 = np.resize(colours_K3, (1, 256, 3))
    return np.asarray(cv2.LUT(cv2.merge([index_hw, index_hw, index_hw]), table_256), np.uint8)


def uv_atlas() -> Atlas:
    """An atlas of its own coordinates: red grows with U, green with V, blue falls with both, with dark grid lines.

    The lines at U = 0.5 and V = 0.5 are white and show the centre of a chart.
    """
    ramp_S = np.linspace(0, 1, UV_TILE, dtype=np.float32)
    u_SS, v_SS = np.meshgrid(ramp_S, ramp_S[::-1])
    tile_SS3 = np.stack([60 + 195 * u_SS, 60 + 195 * v_SS, 220 - 90 * (u_SS + v_SS)], axis=-1)
    for step in range(1, UV_LINES):
        distance_S = np.abs(ramp_S - step / UV_LINES) * UV_TILE
        line_S = distance_S < 1.6
        colour = 255.0 if 2 * step == UV_LINES else 25.0
        tile_SS3[:, line_S] = colour
        tile_SS3[line_S[::-1], :] = colour
    return atlas_from_tiles(np.repeat(np.rint(tile_SS3).astype(np.uint8)[None], CHARTS, axis=0))
