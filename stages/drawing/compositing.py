"""How a person's colours come into a frame: the visible part of the grid, the soft edge, and who stands in front."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from stages.payloads import F32, U8, Float, Surface

PIXELS_PER_SOFT_PIXEL = 250
"""The edge of a person fades over one pixel for every so many pixels of the grid's height."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visible:
    """The part of one person's grid that lies inside the frame.

    Attributes:
        window_hw3: a view into the frame that is drawn on.
        labels_hw: 0 = background, 1..24 = chart.
        uv_2hw: chart coordinates, not clamped.
    """

    window_hw3: U8
    labels_hw: U8
    uv_2hw: Float


def visible_part(frame_HW3: U8, surface: Surface) -> Visible | None:
    """Where `surface` meets the frame, or None where it does not."""
    height, width = frame_HW3.shape[:2]
    grid_height, grid_width = surface.labels_hw.shape
    top, left = max(surface.y0, 0), max(surface.x0, 0)
    bottom, right = min(surface.y0 + grid_height, height), min(surface.x0 + grid_width, width)
    if top >= bottom or left >= right:
        return None
    rows = slice(top - surface.y0, bottom - surface.y0)
    columns = slice(left - surface.x0, right - surface.x0)
    return Visible(
        window_hw3=frame_HW3[top:bottom, left:right],
        labels_hw=np.ascontiguousarray(surface.labels_hw[rows, columns]),
        uv_2hw=surface.uv_2hw[:, rows, columns],
    )


def person_mask(labels_hw: U8) -> U8:
    """255 where the label is a chart, 0 on background."""
    return np.asarray(cv2.threshold(labels_hw, 0, 255, cv2.THRESH_BINARY)[1], np.uint8)


def soft_cover(labels_hw: U8, opacity: float) -> F32:
    """How much of the new colour each pixel takes, (h, w) float32: `opacity` inside, less at the edge, 0 outside."""
    inside_hw = person_mask(labels_hw)
    reach = 2 * max(1, round(labels_hw.shape[0] / PIXELS_PER_SOFT_PIXEL)) + 1
    near_hw = cv2.blur(inside_hw, (reach, reach), borderType=cv2.BORDER_REPLICATE)
    return cv2.bitwise_and(near_hw, inside_hw).astype(np.float32) * np.float32(opacity / 255)


def lay_over(visible: Visible, colour_hw3: U8, cover_hw: F32) -> None:
    """Mix `colour_hw3` into the frame, in place, by the share `cover_hw` (0..1)."""
    rest_hw = cv2.subtract(np.ones_like(cover_hw), cover_hw)
    visible.window_hw3[...] = cv2.blendLinear(colour_hw3, visible.window_hw3, cover_hw, rest_hw)


def painters_order(box_N4: F32, score_N: F32) -> list[int]:
    """Indices of people from the farthest to the nearest: whose feet are lower in the picture stands in front.

    Of two whose boxes end on the same row, the surer one is drawn last.
    """
    return [int(i) for i in np.lexsort((score_N, box_N4[:, 3]))]
