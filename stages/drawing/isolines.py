"""Lines of equal U and V over a person, as wide on the screen wherever they run: contours and grids."""

from __future__ import annotations

import numpy as np

from stages.drawing.chart_colours import ramp_256
from stages.drawing.compositing import Visible, chart_borders, lay_over, soft_cover
from stages.payloads import F32, U8

PIXELS_PER_LINE_PIXEL = 540
"""A line is one pixel wide for every so many pixels of the frame's height begun, and a bit, for its soft edge."""
STEEPEST = 0.5
"""Steps of line numbers from pixel to pixel above this are no gradient but a jump between islands or charts."""


def draw_contours(visible: Visible, *, lines: int, opacity: float) -> None:
    """Contours of U and of V as in Güler et al. 2018 (fig. 1), in place: the colour of a line says its value."""
    inside_hw = soft_cover(visible.labels_hw, opacity)
    for coordinate_hw in _clipped(visible):
        colour_hw3 = ramp_256()[np.rint(coordinate_hw * 255).astype(np.uint8)]
        strength_hw = line_strength(coordinate_hw, visible.labels_hw, lines, _half_width(visible))
        lay_over(visible.canvas, colour_hw3, _byte(strength_hw * inside_hw))


def draw_grid(visible: Visible, colours: tuple[tuple[int, int, int], tuple[int, int, int]], *, lines: int,
              opacity: float) -> None:  # fmt: skip
    """The net of the charts, in place: lines of equal U in one colour, of equal V in another, chart borders dark."""
    inside_hw = soft_cover(visible.labels_hw, opacity)
    for coordinate_hw, colour in zip(_clipped(visible), colours, strict=True):
        strength_hw = line_strength(coordinate_hw, visible.labels_hw, lines, _half_width(visible))
        colour_hw3 = np.broadcast_to(np.array(colour, np.uint8), (*strength_hw.shape, 3))
        lay_over(visible.canvas, np.ascontiguousarray(colour_hw3), _byte(strength_hw * inside_hw))
    border_hw = np.minimum(chart_borders(visible.labels_hw), inside_hw)
    lay_over(visible.canvas, np.zeros((*border_hw.shape, 3), np.uint8), border_hw)


def line_strength(coordinate_hw: F32, labels_hw: U8, lines: int, half_width: float) -> F32:
    """0..1 for each pixel: how much of it a line at k / `lines` covers, smooth at its sides, 0 off the person."""
    number_hw = coordinate_hw * np.float32(lines)
    across_hw = _step(number_hw, labels_hw, axis=1)
    down_hw = _step(number_hw, labels_hw, axis=0)
    slope_hw = np.maximum(np.hypot(across_hw, down_hw), 1e-4)
    away_hw = np.abs(number_hw - np.rint(number_hw)) / slope_hw
    strength_hw = np.clip(half_width + 0.5 - away_hw, 0, 1)
    # Where the coordinate hardly changes, a whole area lies on the line.
    strength_hw *= (labels_hw > 0) & (slope_hw > 2e-3)
    return np.asarray(strength_hw, np.float32)


def _step(number_hw: F32, labels_hw: U8, axis: int) -> F32:
    """The change from pixel to pixel along an axis: the smaller of both sides, within a chart; 0 at jumps."""
    change = np.abs(np.diff(number_hw, axis=axis))
    usable = np.diff(labels_hw.astype(np.int16), axis=axis) == 0
    change = np.where(usable & (change < STEEPEST), change, np.float32(np.inf))
    before, after = ((1, 0), (0, 1))
    padding = [(0, 0), (0, 0)]
    padding[axis] = before
    ahead = np.pad(change, padding, constant_values=np.inf)
    padding[axis] = after
    behind = np.pad(change, padding, constant_values=np.inf)
    least = np.minimum(ahead, behind)
    return np.asarray(np.where(np.isfinite(least), least, 0), np.float32)


def _clipped(visible: Visible) -> F32:
    return np.clip(visible.uv_2hw, 0, 1, dtype=np.float32)


def _half_width(visible: Visible) -> float:
    return 0.5 * (1 + visible.frame_height // PIXELS_PER_LINE_PIXEL)


def _byte(share_hw: F32) -> U8:
    return np.rint(np.clip(share_hw, 0, 255)).astype(np.uint8)
