"""Compositing of one person into a frame: the canvas, the visible part of the grid, the soft edge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from stages.payloads import U8, Float, PersonSurface

ROWS_PER_SOFT_PIXEL = 250
"""Rows of the grid for each pixel over which the edge of a person fades."""
LEAST_SHARE = 0.3
"""Cover begins at this share of person pixels in the neighbourhood; a lower share would show corners of pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameCanvas:
    """The image that is drawn on.

    Attributes:
        source_HW3: the original frame; never written to.
        rgb_HW3: drawn on in place. With alpha, colours are premultiplied (over black).
        alpha_HW: alpha of what was drawn; None for opaque images.
    """

    source_HW3: U8
    rgb_HW3: U8
    alpha_HW: U8 | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Visible:
    """The part of one person's grid that lies inside the frame; the canvas is cropped to it.

    Attributes:
        canvas: views of the frame under the grid.
        labels_hw: 0 = background or not to be drawn, 1..24 = chart.
        uv_2hw: chart coordinates, not clipped.
        frame_height: rows of the whole frame; sets the width of lines.
        confidence_hw: 0..1, or None if unknown.
    """

    canvas: FrameCanvas
    labels_hw: U8
    uv_2hw: Float
    frame_height: int
    confidence_hw: Float | None = None


def visible_part(canvas: FrameCanvas, surface: PersonSurface, kept_256: U8 | None = None) -> Visible | None:
    """The part of `surface` inside the frame, or None without overlap.

    Args:
        kept_256: the label to draw for each label (`part_groups.label_filter`); None draws all.
    """
    height, width = canvas.rgb_HW3.shape[:2]
    windows = surface.windows(height, width)
    if windows is None:
        return None
    window, grid = windows
    labels_hw = np.ascontiguousarray(surface.labels_hw[grid])
    return Visible(
        canvas=FrameCanvas(
            source_HW3=canvas.source_HW3[window],
            rgb_HW3=canvas.rgb_HW3[window],
            alpha_HW=None if canvas.alpha_HW is None else canvas.alpha_HW[window],
        ),
        labels_hw=labels_hw if kept_256 is None else np.asarray(cv2.LUT(labels_hw, kept_256), np.uint8),
        uv_2hw=surface.uv_2hw[:, grid[0], grid[1]],
        frame_height=height,
        confidence_hw=None if surface.confidence_hw is None else surface.confidence_hw[grid],
    )


def person_mask(labels_hw: U8) -> U8:
    """255 where the label is a chart, 0 on background."""
    return np.asarray(cv2.threshold(labels_hw, 0, 255, cv2.THRESH_BINARY)[1], np.uint8)


def chart_borders(labels_hw: U8, size: int = 2) -> U8:
    """255 where two charts of one person meet within a window of `size` pixels; background does not count."""
    # Background becomes the highest label for the minimum and the lowest for the maximum.
    outside_hw = cv2.bitwise_not(person_mask(labels_hw))
    window = np.ones((size, size), np.uint8)
    lowest_hw = cv2.erode(cv2.bitwise_or(labels_hw, outside_hw), window)
    meets_hw = cv2.compare(lowest_hw, cv2.dilate(labels_hw, window), cv2.CMP_NE)
    return np.asarray(cv2.bitwise_and(meets_hw, cv2.bitwise_not(outside_hw)), np.uint8)


def soft_cover(labels_hw: U8, opacity: float) -> U8:
    """Share of the new colour in each pixel, (h, w) in 255ths: `opacity` inside, less at the edge, 0 outside."""
    inside_hw = person_mask(labels_hw)
    reach = 2 * max(1, round(labels_hw.shape[0] / ROWS_PER_SOFT_PIXEL)) + 1
    near_hw = cv2.blur(inside_hw, (reach, reach), borderType=cv2.BORDER_REPLICATE)
    ramp_256 = np.clip((np.arange(256) / 255 - LEAST_SHARE) / (1 - LEAST_SHARE), 0, 1) * opacity * 255
    return np.asarray(cv2.bitwise_and(cv2.LUT(near_hw, np.rint(ramp_256).astype(np.uint8)), inside_hw), np.uint8)


def faded_cover(cover_hw: U8, confidence_hw: Float | None, fade: float) -> U8:
    """Cover, reduced by up to `fade` (0..1) where confidence is low; unchanged if confidence is unknown.

    Confidence of 0.5 or more leaves the cover unchanged.
    """
    if fade == 0 or confidence_hw is None:
        return cover_hw
    uncertainty_hw = np.clip(1 - 2 * confidence_hw.astype(np.float32), 0, 1)
    return np.asarray(cv2.multiply(cover_hw, 1 - np.float32(fade) * uncertainty_hw, dtype=cv2.CV_8U), np.uint8)


def blend_over(canvas: FrameCanvas, colour_hw3: U8, cover_hw: U8, hidden_hw: U8 | None = None) -> None:
    """Blend colours into the canvas, in place.

    Args:
        colour_hw3: RGB.
        cover_hw: share of the colour in 255ths.
        hidden_hw: share of the canvas that the colours hide; None = `cover_hw`. Lower for premultiplied colours.
    """
    hidden_hw = cover_hw if hidden_hw is None else hidden_hw
    remaining_hw = cv2.bitwise_not(hidden_hw)
    over_hw3 = cv2.multiply(colour_hw3, cv2.merge([cover_hw, cover_hw, cover_hw]), scale=1 / 255)
    under_hw3 = cv2.multiply(canvas.rgb_HW3, cv2.merge([remaining_hw, remaining_hw, remaining_hw]), scale=1 / 255)
    cv2.add(over_hw3, under_hw3, dst=under_hw3)
    canvas.rgb_HW3[...] = under_hw3
    if canvas.alpha_HW is not None:
        canvas.alpha_HW[...] = cv2.add(hidden_hw, cv2.multiply(canvas.alpha_HW, remaining_hw, scale=1 / 255))


def draw_opaque(canvas: FrameCanvas, draw: Callable[[U8], None]) -> None:
    """Paint with `draw`, which ignores alpha. It paints on black and on white; their difference gives the alpha."""
    if canvas.alpha_HW is None:
        draw(canvas.rgb_HW3)
        return
    on_black, on_white = np.zeros_like(canvas.rgb_HW3), np.full_like(canvas.rgb_HW3, 255)
    draw(on_black)
    draw(on_white)
    hidden_HW = 255 - cv2.subtract(on_white, on_black).max(axis=2)
    blend_over(canvas, on_black, np.full_like(canvas.alpha_HW, 255), hidden_HW)


def straight_colours(rgb_HW3: U8, alpha_HW: U8) -> U8:
    """Premultiplied colours divided by their alpha, (H, W, 3) uint8; 0 where alpha is 0."""
    # Rounding may leave a premultiplied colour above its alpha; the division saturates.
    return np.asarray(cv2.divide(rgb_HW3, cv2.merge([alpha_HW] * 3), scale=255), np.uint8)
