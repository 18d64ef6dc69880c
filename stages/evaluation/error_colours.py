"""Where a network was wrong, in colours: how far on the skin a pixel lies from the truth; the missed, the made up."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from stages.payloads import F32, U8

WORST = 0.3
"""Metres on the skin at which the ramp ends; the paper's scores stop there as well (AUC30)."""
MISSED, MADE_UP = (255, 0, 255), (255, 255, 255)
"""A person's pixel that was given to nobody; a pixel given to a person where there is none."""
DIMMED = 0.35
FONT = cv2.FONT_HERSHEY_SIMPLEX


def error_picture(rgb_HW3: U8, error_HW: F32, truth_HW: npt.NDArray[np.bool_], found_HW: npt.NDArray[np.bool_]) -> U8:
    """The picture, grey and dim, under the errors; with the ramp's legend.

    Args:
        error_HW: metres where both truth and answer name a point; inf where no way leads from one to the other.
        truth_HW, found_HW: where a person is, and was found.
    """
    grey_HW = cv2.cvtColor(rgb_HW3, cv2.COLOR_RGB2GRAY)
    result = np.repeat((grey_HW[..., None] * DIMMED).astype(np.uint8), 3, axis=2)
    both_HW = truth_HW & found_HW
    result[both_HW] = error_ramp()[np.rint(np.minimum(error_HW[both_HW] / WORST, 1) * 255).astype(np.uint8)]
    result[truth_HW & ~found_HW] = MISSED
    result[found_HW & ~truth_HW] = MADE_UP
    _draw_legend(result)
    return result


def error_ramp() -> U8:
    """Blue (no error) over green and yellow to dark red (`WORST` or more), (256, 3) RGB."""
    steps = np.arange(256, dtype=np.uint8)[:, None]
    return np.asarray(cv2.applyColorMap(steps, cv2.COLORMAP_TURBO)[:, 0, ::-1], np.uint8)


def _draw_legend(rgb_HW3: U8) -> None:
    """The ramp along the lower edge, from 0 to the worst in centimetres, then missed and made up."""
    height, width = rgb_HW3.shape[:2]
    size = max(0.32, height / 900)
    tall = max(6, round(height / 40))
    top = height - tall
    ramp_W = np.rint(np.linspace(0, 255, width // 2)).astype(np.uint8)
    rgb_HW3[top:, : width // 2] = error_ramp()[ramp_W]
    quarter = width // 4
    rgb_HW3[top:, width // 2 : width // 2 + quarter] = MISSED
    rgb_HW3[top:, width // 2 + quarter :] = MADE_UP
    words = (("0", 2), (f"{WORST * 100:.0f} cm", width // 2 - round(110 * size)), ("missed", width // 2 + 2),
             ("made up", width // 2 + quarter + 2))  # fmt: skip
    for text, x in words:
        cv2.putText(rgb_HW3, text, (x, top - 3), FONT, size, (255, 255, 255), 1, cv2.LINE_AA)
