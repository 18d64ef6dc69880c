"""Error images: the geodesic error of each pixel as a colour, and missed and false pixels."""

from __future__ import annotations

import cv2
import numpy as np

from models.arrays import Bool
from stages.payloads import F32, U8

MAX_ERROR = 0.3
"""Geodesic error at the end of the colour ramp, metres: the limit of AUC30."""
MISSED, FALSE = (255, 0, 255), (255, 255, 255)
"""Colours of a person's pixels predicted as background, and of background pixels predicted as a person, RGB."""
DIMMED = 0.35
"""Brightness of the image under the errors, as a share of the original."""
FONT = cv2.FONT_HERSHEY_SIMPLEX


def error_image(rgb_HW3: U8, error_HW: F32, truth_HW: Bool, found_HW: Bool) -> U8:
    """The image in dark grey with the errors over it and a legend, RGB uint8 (H, W, 3).

    Args:
        rgb_HW3: the image.
        error_HW: metres, where truth and prediction both have a chart; inf where no path joins the two points.
        truth_HW, found_HW: true and predicted pixels of people.
    """
    grey_HW = cv2.cvtColor(rgb_HW3, cv2.COLOR_RGB2GRAY)
    result = np.repeat((grey_HW[..., None] * DIMMED).astype(np.uint8), 3, axis=2)
    both_HW = truth_HW & found_HW
    result[both_HW] = error_ramp()[np.rint(np.minimum(error_HW[both_HW] / MAX_ERROR, 1) * 255).astype(np.uint8)]
    result[truth_HW & ~found_HW] = MISSED
    result[found_HW & ~truth_HW] = FALSE
    _draw_legend(result)
    return result


def error_ramp() -> U8:
    """Colours from blue (no error) through green and yellow to dark red (`MAX_ERROR` or more), (256, 3) RGB."""
    steps = np.arange(256, dtype=np.uint8)[:, None]
    return np.asarray(cv2.applyColorMap(steps, cv2.COLORMAP_TURBO)[:, 0, ::-1], np.uint8)


def _draw_legend(rgb_HW3: U8) -> None:
    """Draw the ramp along the lower edge, from 0 to MAX_ERROR in centimetres, then the colours `MISSED` and `FALSE`."""
    height, width = rgb_HW3.shape[:2]
    size = max(0.32, height / 900)
    top = height - max(6, round(height / 40))
    ramp_W = np.rint(np.linspace(0, 255, width // 2)).astype(np.uint8)
    rgb_HW3[top:, : width // 2] = error_ramp()[ramp_W]
    quarter = width // 4
    rgb_HW3[top:, width // 2 : width // 2 + quarter] = MISSED
    rgb_HW3[top:, width // 2 + quarter :] = FALSE
    words = (("0", 2), (f"{MAX_ERROR * 100:.0f} cm", width // 2 - round(110 * size)), ("missed", width // 2 + 2),
             ("false", width // 2 + quarter + 2))  # fmt: skip
    for text, x in words:
        cv2.putText(rgb_HW3, text, (x, top - 3), FONT, size, (255, 255, 255), 1, cv2.LINE_AA)
