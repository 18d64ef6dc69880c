"""The plot of a comparison: time from left to right, a row per joint and part, bright where they differ."""

from __future__ import annotations

import cv2
import numpy as np

from models.body.charts import CHART_NAMES
from stages.payloads import U8, Float
from stages.results.comparison.difference import Difference

LEFT, WIDTH, ROW, TOP, BOTTOM, GAP = 210, 760, 18, 46, 30, 30
"""Pixels: the column of names, the plot, a row, the title, the axis, the gap between joints and parts."""
FULL_ANGLE, FULL_DISTANCE = 60.0, 0.6
"""Degrees and torso lengths that are drawn brightest."""
INK, PAPER, UNSEEN = (40, 40, 40), 255, 225


def difference_plot(difference: Difference, second_T: Float, title: str) -> U8:
    """(H, W, 3) RGB; `second_T`: time of each compared frame."""
    rows = len(difference.angle_names) + len(CHART_NAMES) - 1
    height = TOP + rows * ROW + GAP + BOTTOM
    image = np.full((height, LEFT + WIDTH + 20, 3), PAPER, np.uint8)
    _write(image, title, (10, 20), 0.5)
    top = _block(image, TOP, np.abs(difference.angle_TA) / FULL_ANGLE, difference.angle_names, second_T)
    _write(image, f"joint angles, 0 to {FULL_ANGLE:.0f} degrees apart", (LEFT, TOP - 6), 0.4)
    _write(image, f"parts, 0 to {FULL_DISTANCE} torso lengths apart", (LEFT, top + GAP - 6), 0.4)
    bottom = _block(image, top + GAP, difference.distance_TP / FULL_DISTANCE, CHART_NAMES[1:], second_T)
    _axis(image, bottom, second_T)
    return image


def _block(image: U8, top: int, value_TR: Float, names: tuple[str, ...], second_T: Float) -> int:
    """Draw a row per name from `top` on; returns where the block ends."""
    column_W = np.searchsorted(second_T, np.linspace(second_T[0], second_T[-1], WIDTH), side="right") - 1
    for row, name in enumerate(names):
        value_W = value_TR[np.clip(column_W, 0, len(second_T) - 1), row]
        shade_W = (np.clip(np.nan_to_num(value_W), 0, 1) * 255).astype(np.uint8)
        colour_W3 = cv2.applyColorMap(shade_W[:, None], cv2.COLORMAP_VIRIDIS)[:, 0, ::-1]
        colour_W3 = np.where(np.isnan(value_W)[:, None], UNSEEN, colour_W3)
        image[top + row * ROW : top + (row + 1) * ROW - 2, LEFT : LEFT + WIDTH] = colour_W3
        _write(image, name.replace("_", " "), (10, top + row * ROW + ROW - 6), 0.4)
    return top + len(names) * ROW


def _axis(image: U8, top: int, second_T: Float) -> None:
    """Draw at most ten ticks, at multiples of 1, 2 or 5 times a power of ten."""
    length = max(float(second_T[-1] - second_T[0]), 1e-3)
    power = 10.0 ** np.floor(np.log10(length / 10))
    step = next(power * factor for factor in (1, 2, 5, 10) if length / (power * factor) <= 10)
    for tick in np.arange(np.ceil(second_T[0] / step), second_T[-1] / step + 1e-9) * step:
        x = LEFT + round((tick - second_T[0]) / length * (WIDTH - 1))
        cv2.line(image, (x, top), (x, top + 5), INK)
        _write(image, f"{tick:g} s", (x - 8, top + 20), 0.4)


def _write(image: U8, text: str, corner: tuple[int, int], size: float) -> None:
    cv2.putText(image, text, corner, cv2.FONT_HERSHEY_SIMPLEX, size, INK, 1, cv2.LINE_AA)
