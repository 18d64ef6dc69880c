"""Lines of equal U and V over a person, of constant width on the screen: contours and grids."""

from __future__ import annotations

import cv2
import numpy as np

from stages.drawing.chart_colours import ramp_256
from stages.drawing.compositing import Visible, blend_over, chart_borders, soft_cover
from stages.payloads import F32, U8, Float

ROWS_PER_LINE_PIXEL = 540
"""Lines are 1 + frame rows // this many pixels wide, plus a soft edge."""
STEEPEST_STEP = float(np.nextafter(np.float32(0.5), np.float32(0)))
"""Larger steps of the line number between neighbouring pixels are no gradient but a jump between charts."""
CHART_JUMP = 1e9
"""The step of the line number between two charts."""
FLATTEST_STEP = 2e-3
"""Steps of the line number below which a whole area would lie on one line."""


def draw_contours(visible: Visible, *, lines: int, opacity: float) -> None:
    """Draw contours of U and of V as in Güler et al. 2018 (fig. 1), in place; the colour of a line shows its value."""
    inside_hw = soft_cover(visible.labels_hw, opacity)
    ramp_2563 = np.ascontiguousarray(ramp_256()[:, None])
    for coordinate_hw in visible.uv_2hw:
        byte_hw = cv2.convertScaleAbs(_clipped(coordinate_hw), alpha=255)
        strength_hw = line_strength(coordinate_hw, visible.labels_hw, lines, _half_width(visible))
        colour_hw3 = np.asarray(cv2.applyColorMap(byte_hw, ramp_2563), np.uint8)
        blend_over(visible.canvas, colour_hw3, _scaled_cover(strength_hw, inside_hw))


def draw_grid(visible: Visible, colours: tuple[tuple[int, int, int], tuple[int, int, int]], *, lines: int,
              opacity: float) -> None:  # fmt: skip
    """Draw the charts' grid, in place: lines of equal U in one colour, of equal V in another, dark borders."""
    inside_hw = soft_cover(visible.labels_hw, opacity)
    for coordinate_hw, colour in zip(visible.uv_2hw, colours, strict=True):
        strength_hw = line_strength(coordinate_hw, visible.labels_hw, lines, _half_width(visible))
        blend_over(visible.canvas, _uniform(colour, inside_hw.shape), _scaled_cover(strength_hw, inside_hw))
    border_hw = np.minimum(chart_borders(visible.labels_hw), inside_hw)
    blend_over(visible.canvas, _uniform((0, 0, 0), inside_hw.shape), border_hw)


def line_strength(coordinate_hw: Float, labels_hw: U8, lines: int, half_width: float) -> F32:
    """Coverage of each pixel by lines at k / `lines`, 0..1, anti-aliased; 0 on background.

    Args:
        coordinate_hw: U or V, not clipped.
        labels_hw: 0 = background.
        lines: number of lines between 0 and 1.
        half_width: of a line, in pixels.
    """
    number_hw = _clipped(coordinate_hw) * np.float32(lines)
    # A step along the columns of an image is a step along the rows of its transpose.
    horizontal_hw = _step(number_hw, labels_hw)
    vertical_hw = cv2.transpose(_step(np.asarray(cv2.transpose(number_hw)), np.asarray(cv2.transpose(labels_hw))))
    slope_hw = np.asarray(cv2.magnitude(horizontal_hw, vertical_hw), np.float32)
    sloping_hw = ((slope_hw > np.float32(FLATTEST_STEP)) & (labels_hw > 0)).view(np.uint8)
    number_hw -= np.rint(number_hw)
    distance_hw = np.abs(number_hw) / np.maximum(slope_hw, np.float32(FLATTEST_STEP))
    strength_hw = np.clip(np.float32(half_width + 0.5) - distance_hw, 0, 1)
    return np.asarray(cv2.copyTo(strength_hw, sloping_hw), np.float32)


def _step(number_hw: F32, labels_hw: U8) -> F32:
    """The step of the line number along the rows: the smaller of both sides, within a chart; 0 at jumps."""
    height, width = number_hw.shape
    change_hw = np.full((height, width + 1), CHART_JUMP, np.float32)
    if width > 1:
        change = cv2.absdiff(number_hw[:, 1:], number_hw[:, :-1])
        within = cv2.compare(labels_hw[:, 1:], labels_hw[:, :-1], cv2.CMP_EQ)
        cv2.copyTo(change, within, change_hw[:, 1:-1])
    least_hw = cv2.min(change_hw[:, :-1], change_hw[:, 1:])
    return np.asarray(cv2.threshold(least_hw, STEEPEST_STEP, 0, cv2.THRESH_TOZERO_INV)[1], np.float32)


def _clipped(coordinate_hw: Float) -> F32:
    return np.clip(coordinate_hw, 0, 1, dtype=np.float32)


def _uniform(colour: tuple[int, int, int], shape: tuple[int, ...]) -> U8:
    """An image of one colour."""
    return np.asarray(cv2.merge([np.full(shape, value, np.uint8) for value in colour]), np.uint8)


def _half_width(visible: Visible) -> float:
    return 0.5 * (1 + visible.frame_height // ROWS_PER_LINE_PIXEL)


def _scaled_cover(strength_hw: F32, cover_hw: U8) -> U8:
    """Cover in 255ths, times a strength of 0..1."""
    return np.asarray(cv2.multiply(strength_hw, cover_hw, dtype=cv2.CV_8U), np.uint8)
