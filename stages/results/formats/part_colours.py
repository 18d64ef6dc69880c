"""Parts as other tools colour them: OpenCV's ramps over the chart numbers, as detectron2's DensePose shows them."""

from __future__ import annotations

import cv2
import numpy as np

from stages.payloads import U8
from stages.results.formats.moment import Moment, flat
from stages.results.formats.pictures import begin_pictures
from stages.results.formats.writer import Target, Writer

CHARTS = 24
ALPHA = 0.7
"""How much of the colour detectron2's tool lays over the grey picture."""


def ramp(colormap: int) -> U8:
    """(25, 3) RGB: the colour of each chart number, scaled by 255/24 in float32 and truncated, as detectron2 does."""
    value_25 = (np.arange(CHARTS + 1, dtype=np.float32) * (255.0 / CHARTS)).clip(0, 255).astype(np.uint8)
    return np.ascontiguousarray(cv2.applyColorMap(value_25[:, None], colormap)[:, 0, ::-1])


def coloured(chart_HW: U8, colour_25_3: U8) -> U8:
    """(H, W, 3): each chart number's colour."""
    table = np.zeros((1, 256, 3), np.uint8)
    table[0, : CHARTS + 1] = colour_25_3
    return np.asarray(cv2.LUT(cv2.merge([np.ascontiguousarray(chart_HW)] * 3), table), np.uint8)


VIRIDIS = ramp(cv2.COLORMAP_VIRIDIS)
"""Of MagicAnimate: number 0 is (68, 1, 84), its background."""
PARULA = ramp(cv2.COLORMAP_PARULA)
PARULA_ON_BLACK = np.concatenate([np.zeros((1, 3), np.uint8), PARULA[1:]])


def begin_magicanimate(target: Target) -> Writer:
    """PNGs, or a film."""
    return begin_pictures(target, magicanimate_picture)


def begin_parula(target: Target) -> Writer:
    """PNGs, or a film."""
    return begin_pictures(target, parula_picture)


def begin_dp_segm(target: Target) -> Writer:
    """PNGs, or a film."""
    return begin_pictures(target, dp_segm_picture)


def magicanimate_picture(moment: Moment) -> U8:
    """(H, W, 3): viridis, background (68, 1, 84)."""
    return coloured(flat(moment).iuv_HW3[..., 0], VIRIDIS)


def parula_picture(moment: Moment) -> U8:
    """(H, W, 3): parula on black."""
    return coloured(flat(moment).iuv_HW3[..., 0], PARULA_ON_BLACK)


def dp_segm_picture(moment: Moment) -> U8:
    """(H, W, 3): 70 % parula over the grey picture, people one over the other, with detectron2's arithmetic.

    That tool mixes within each person's whole box, in float64, and truncates; so grey can lose 1 around people too.
    """
    grey_HW = cv2.cvtColor(moment.rgb_HW3, cv2.COLOR_RGB2GRAY)
    picture_HW3: U8 = np.dstack([grey_HW] * 3).astype(np.uint8)
    for i in moment.nearest_last():
        if windows := moment.surfaces[i].windows(*grey_HW.shape):
            labels_hw, under_hw3 = moment.surfaces[i].labels_hw[windows[1]], picture_HW3[windows[0]]
            colour_hw3 = np.where(labels_hw[..., None] > 0, coloured(labels_hw, PARULA), under_hw3)
            picture_HW3[windows[0]] = (under_hw3 * (1.0 - ALPHA) + colour_hw3 * ALPHA).astype(np.uint8)
    return picture_HW3
