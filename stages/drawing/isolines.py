"""Lines of equal U and V over a person, as wide on the screen wherever they run: contours and grids."""

from __future__ import annotations

import cv2
import numpy as np

from stages.drawing.chart_colours import ramp_256
from stages.drawing.compositing import Visible, chart_borders, lay_over, soft_cover
from stages.payloads import F32, U8, Float

PIXELS_PER_LINE_PIXEL = 540
"""A line is one pixel wide for every so many pixels of the frame's height begun, and a bit, for its soft edge."""
STEEPEST = float(np.nextafter(np.float32(0.5), np.float32(0)))
"""Steps of line numbers from pixel to pixel above this are no gradient but a jump between islands or charts."""
JUMP = 1e9
"""Stands for the step from one chart to another."""
FLAT = 2e-3
"""Steps of line numbers under which a whole area would lie on a line."""


def draw_contours(visible: Visible, *, lines: int, opacity: float) -> None:
    """Contours of U and of V as in Güler et al. 2018 (fig. 1), in place: the colour of a line says its value."""
    inside_hw = soft_cover(visible.labels_hw, opacity)
    ramp_2563 = np.ascontiguousarray(ramp_256()[:, None])
    for coordinate_hw in visible.uv_2hw:
        byte_hw = cv2.convertScaleAbs(_clipped(coordinate_hw), alpha=255)
        strength_hw = line_strength(coordinate_hw, visible.labels_hw, lines, _half_width(visible))
        colour_hw3 = np.asarray(cv2.applyColorMap(byte_hw, ramp_2563), np.uint8)
        lay_over(visible.canvas, colour_hw3, _share(strength_hw, inside_hw))


def draw_grid(visible: Visible, colours: tuple[tuple[int, int, int], tuple[int, int, int]], *, lines: int,
              opacity: float) -> None:  # fmt: skip
    """The net of the charts, in place: lines of equal U in one colour, of equal V in another, chart borders dark."""
    inside_hw = soft_cover(visible.labels_hw, opacity)
    for coordinate_hw, colour in zip(visible.uv_2hw, colours, strict=True):
        strength_hw = line_strength(coordinate_hw, visible.labels_hw, lines, _half_width(visible))
        lay_over(visible.canvas, _plain(colour, inside_hw.shape), _share(strength_hw, inside_hw))
    border_hw = np.minimum(chart_borders(visible.labels_hw), inside_hw)
    lay_over(visible.canvas, _plain((0, 0, 0), inside_hw.shape), border_hw)


def line_strength(coordinate_hw: Float, labels_hw: U8, lines: int, half_width: float) -> F32:
    """0..1 for each pixel: how much of it a line at k / `lines` covers, smooth at its sides, 0 off the person.

    Args:
        coordinate_hw: U or V, not clamped.
        labels_hw: 0 = off the person.
        lines: from 0 to 1.
        half_width: of a line, in pixels.
    """
    number_hw = _clipped(coordinate_hw) * np.float32(lines)
    # What is one pixel along the columns of a picture is one along the rows of its transpose.
    across_hw = _step(number_hw, labels_hw)
    down_hw = cv2.transpose(_step(np.asarray(cv2.transpose(number_hw)), np.asarray(cv2.transpose(labels_hw))))
    slope_hw = np.asarray(cv2.magnitude(across_hw, down_hw), np.float32)
    sloping_hw = ((slope_hw > np.float32(FLAT)) & (labels_hw > 0)).view(np.uint8)
    number_hw -= np.rint(number_hw)
    away_hw = np.abs(number_hw) / np.maximum(slope_hw, np.float32(FLAT))
    strength_hw = np.clip(np.float32(half_width + 0.5) - away_hw, 0, 1)
    return np.asarray(cv2.copyTo(strength_hw, sloping_hw), np.float32)


def _step(number_hw: F32, labels_hw: U8) -> F32:
    """The change from pixel to pixel along the rows: the smaller of both sides, within a chart; 0 at jumps."""
    height, width = number_hw.shape
    change_hw = np.full((height, width + 1), JUMP, np.float32)
    if width > 1:
        change = cv2.absdiff(number_hw[:, 1:], number_hw[:, :-1])
        within = cv2.compare(labels_hw[:, 1:], labels_hw[:, :-1], cv2.CMP_EQ)
        cv2.copyTo(change, within, change_hw[:, 1:-1])
    least_hw = cv2.min(change_hw[:, :-1], change_hw[:, 1:])
    return np.asarray(cv2.threshold(least_hw, STEEPEST, 0, cv2.THRESH_TOZERO_INV)[1], np.float32)


def _clipped(coordinate_hw: Float) -> F32:
    return np.clip(coordinate_hw, 0, 1, dtype=np.float32)


def _plain(colour: tuple[int, int, int], shape: tuple[int, ...]) -> U8:
    """One colour all over."""
    return np.asarray(cv2.merge([np.full(shape, value, np.uint8) for value in colour]), np.uint8)


def _half_width(visible: Visible) -> float:
    return 0.5 * (1 + visible.frame_height // PIXELS_PER_LINE_PIXEL)


def _share(strength_hw: F32, cover_hw: U8) -> U8:
    """A part of what covers, in 255ths."""
    return np.asarray(cv2.multiply(strength_hw, cover_hw, dtype=cv2.CV_8U), np.uint8)
