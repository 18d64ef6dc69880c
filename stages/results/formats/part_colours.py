"""Charts in other tools' colours: OpenCV's colour maps over chart numbers, as detectron2's DensePose shows them."""

from __future__ import annotations

import cv2
import numpy as np

from stages.payloads import U8
from stages.results.formats.frame_result import FrameResult, flattened
from stages.results.formats.image_export import begin_images
from stages.results.formats.writer import ExportTarget, ExportWriter

CHARTS = 24
LEAST_SCORE = 0.5
"""Of people whom Leffa's own detector shows."""
COLOUR_SHARE = 0.7
"""Share of the colour that detectron2's tool blends over the grey image."""


def chart_ramp(colormap: int) -> U8:
    """The colour of each chart number, (25, 3) RGB: scaled by 255/24 in float32 and truncated, as detectron2 does."""
    value_25 = (np.arange(CHARTS + 1, dtype=np.float32) * (255.0 / CHARTS)).clip(0, 255).astype(np.uint8)
    return np.ascontiguousarray(cv2.applyColorMap(value_25[:, None], colormap)[:, 0, ::-1])


def chart_coloured(chart_HW: U8, colour_25_3: U8) -> U8:
    """The colour of each pixel's chart number, (H, W, 3)."""
    table_1_256_3 = np.zeros((1, 256, 3), np.uint8)
    table_1_256_3[0, : CHARTS + 1] = colour_25_3
    return np.asarray(cv2.LUT(cv2.merge([np.ascontiguousarray(chart_HW)] * 3), table_1_256_3), np.uint8)


VIRIDIS = chart_ramp(cv2.COLORMAP_VIRIDIS)
"""MagicAnimate's colours: number 0 is (68, 1, 84), its background."""
PARULA = chart_ramp(cv2.COLORMAP_PARULA)
PARULA_ON_BLACK = np.concatenate([np.zeros((1, 3), np.uint8), PARULA[1:]])


def begin_magicanimate(target: ExportTarget) -> ExportWriter:
    """PNGs, or a video."""
    return begin_images(target, magicanimate_image)


def begin_parula(target: ExportTarget) -> ExportWriter:
    """PNGs, or a video."""
    return begin_images(target, parula_image)


def begin_vid2densepose(target: ExportTarget) -> ExportWriter:
    """PNGs, or a video."""
    return begin_images(target, vid2densepose_image)


def begin_leffa(target: ExportTarget) -> ExportWriter:
    """PNGs, or a video."""
    return begin_images(target, leffa_image)


def begin_dp_segm(target: ExportTarget) -> ExportWriter:
    """PNGs, or a video."""
    return begin_images(target, dp_segm_image)


def magicanimate_image(result: FrameResult) -> U8:
    """(H, W, 3): viridis, background (68, 1, 84)."""
    return chart_coloured(flattened(result).iuv_HW3[..., 0], VIRIDIS)


def parula_image(result: FrameResult) -> U8:
    """(H, W, 3): parula on black."""
    return chart_coloured(flattened(result).iuv_HW3[..., 0], PARULA_ON_BLACK)


def dp_segm_image(result: FrameResult) -> U8:
    """(H, W, 3): 70 % parula over the grey image, people painted in order, with detectron2's arithmetic.

    That tool blends a person's whole box, in float64, and truncates: grey around people can become 1 darker.
    """
    grey_HW = cv2.cvtColor(result.rgb_HW3, cv2.COLOR_RGB2GRAY)
    return _blended(result, np.dstack([grey_HW] * 3).astype(np.uint8), PARULA)


def vid2densepose_image(result: FrameResult) -> U8:
    """(H, W, 3): as vid2densepose's `main.py` draws: viridis on (68, 1, 84), person over person."""
    return _blended(result, np.broadcast_to(VIRIDIS[0], result.rgb_HW3.shape).copy(), VIRIDIS, share=1.0)


def leffa_image(result: FrameResult) -> U8:
    """(H, W, 3): as Leffa's `predict_seg` draws for its VITON-HD weights: 70 % parula over black, scores from .5."""
    return _blended(result, np.zeros_like(result.rgb_HW3), PARULA, least=LEAST_SCORE)


def _blended(
    result: FrameResult, image_HW3: U8, colour_25_3: U8, least: float = 0.0, share: float = COLOUR_SHARE
) -> U8:
    """The people over an image, which is changed, with the arithmetic of detectron2's visualizer."""
    for i in result.painting_order():
        windows = result.surfaces[i].windows(*image_HW3.shape[:2])
        if windows and result.score_N[i] >= least:
            labels_hw, under_hw3 = result.surfaces[i].labels_hw[windows[1]], image_HW3[windows[0]]
            colour_hw3 = np.where(labels_hw[..., None] > 0, chart_coloured(labels_hw, colour_25_3), under_hw3)
            image_HW3[windows[0]] = (under_hw3 * (1.0 - share) + colour_hw3 * share).astype(np.uint8)
    return image_HW3
