"""The light on a person, without the prints of the clothes that the texture covers.

Light (folds, shadows) changes the luma slowly over the skin, or only a little. Prints change it strongly within a few
centimetres. A limb shows one or two clothes, each with a luma of its own. So the local luma is a robust mean, and is
compared with the luma of its cloth. The more a pixel differs from the local luma, the less this counts as light.
"""

from __future__ import annotations

import cv2
import numpy as np

from models.arrays import F64
from models.body.charts import COARSE_OF_CHART
from stages.drawing.compositing import person_mask
from stages.payloads import F32, U8

ROWS = 96
"""Cells along a person's height on which the local luma is found."""
AROUND = 7
"""Cells over which it is a mean."""
FLAT = 0.25
"""Difference in log luma from the local mean from which a cell counts less than a quarter."""
HALF_LIGHT = 0.5
"""Difference in log luma of a pixel from the local mean whose light is halved."""
DARKEST = 8.0
"""Added to lumas: nearly black pixels carry no information about light."""
UNIT = 60.0
"""Bytes for a unit of log luma."""
TWO_CLOTHES = (0.4, 0.8)
"""Distances in log luma between the two halves of a limb's cells: below the first it has one cloth, above the second
two."""
LIMB_SHARE = 0.75
"""Weight of a limb's own luma in what leaves a texel unchanged; the rest is the person's, where both are near."""
SHADE = 0.4
"""Distance in log luma between limb and person at which the person's share is halved: then it is another cloth."""
LIMBS = int(COARSE_OF_CHART.max()) + 1
"""Charts with a common cross-section of the body (front and back of one thigh, halves of the head …) make a limb."""
UNIT_GAIN = 128
"""Gains are bytes, so that their arithmetic is 8-bit; this byte means 1."""
LEAST_GAIN, MOST_GAIN = 0.45, 1.25
"""Bounds of the gain that the original's light applies to a texel."""


def light_gain(person_hw3: U8, labels_hw: U8, shading: float) -> U8:
    """Gain of every texel as bytes, `UNIT_GAIN` = unchanged.

    Args:
        person_hw3: the original under the person's grid, without background at the outline.
        labels_hw: charts.
        shading: 0..1, how much of the light is kept.
    """
    height, width = labels_hw.shape
    luma_hw = np.asarray(cv2.cvtColor(person_hw3, cv2.COLOR_RGB2GRAY), np.uint8)
    inside_hw = person_mask(labels_hw)
    cells = max(1, round(width * ROWS / height)), ROWS
    if height < ROWS:
        cells = width, height
    share_cc = _in_cells(inside_hw, cells) / np.float32(255)
    sum_cc = _in_cells(np.asarray(cv2.bitwise_and(luma_hw, inside_hw), np.uint8), cells)
    log_cc = np.log(sum_cc / np.maximum(share_cc, np.float32(1e-3)) + np.float32(DARKEST))
    limb_cc = COARSE_OF_CHART[cv2.resize(labels_hw, cells, interpolation=cv2.INTER_NEAREST)]
    local_cc = _robust_mean(log_cc, share_cc)
    low_cc = np.exp(np.float32(shading) * (local_cc - _cloth(local_cc, limb_cc, share_cc)))
    low_hw = _on_pixels(low_cc * np.float32(UNIT_GAIN), width, height)
    local_hw = _on_pixels((local_cc - np.float32(np.log(DARKEST))) * np.float32(UNIT), width, height)
    log_hw = cv2.LUT(luma_hw, _bytes((np.log(np.arange(256) + DARKEST) - np.log(DARKEST)) * UNIT))
    detail_hw = cv2.addWeighted(log_hw, 1, local_hw, -1, 128)
    gain_hw = cv2.multiply(cv2.LUT(detail_hw, _pixel_gains(shading)), low_hw, scale=1 / UNIT_GAIN)
    least, most = LEAST_GAIN * UNIT_GAIN, MOST_GAIN * UNIT_GAIN
    return np.asarray(cv2.LUT(gain_hw, _bytes(np.clip(np.arange(256), least, most))), np.uint8)


def _in_cells(value_hw: U8, cells: tuple[int, int]) -> F32:
    """Means of the pixels of each cell."""
    return np.asarray(cv2.resize(value_hw, cells, interpolation=cv2.INTER_AREA), np.float32)


def _bytes(value: np.ndarray) -> U8:
    return np.rint(np.clip(value, 0, 255)).astype(np.uint8)


def _on_pixels(value_cc: F32, width: int, height: int) -> U8:
    """Values of cells at every pixel, interpolated, as bytes."""
    return np.asarray(cv2.resize(_bytes(value_cc), (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _pixel_gains(shading: float) -> U8:
    """Gain for each difference in log luma from the local mean (128 = none)."""
    away_256 = (np.arange(256) - 128) / UNIT
    return _bytes(UNIT_GAIN * np.exp(shading * away_256 / (1 + (away_256 / HALF_LIGHT) ** 2)))


def _robust_mean(log_cc: F32, share_cc: F32) -> F32:
    """Mean log luma around each cell, of the cells that are like most there."""
    weight_cc, mean_cc = share_cc, log_cc
    for _ in range(3):
        sum_cc = cv2.blur(log_cc * weight_cc, (AROUND, AROUND), borderType=cv2.BORDER_CONSTANT)
        total_cc = cv2.blur(weight_cc, (AROUND, AROUND), borderType=cv2.BORDER_CONSTANT)
        mean_cc = np.asarray(sum_cc / np.maximum(total_cc, 1e-4), np.float32)
        weight_cc = share_cc / np.square(1 + np.square((log_cc - mean_cc) / np.float32(FLAT)))
    return mean_cc


def _cloth(local_cc: F32, limb_cc: np.ndarray, share_cc: F32) -> F32:
    """The log luma that leaves a texel unchanged, of each cell: of its limb, or of one of the limb's two clothes."""
    known = np.flatnonzero(share_cc > 0.5)
    if not len(known):
        return local_cc
    limb_K, local_K = limb_cc.reshape(-1)[known], local_cc.reshape(-1)[known]
    person = float(local_K.mean())
    mean_G = _means(limb_K, local_K, np.full(LIMBS, person))
    dark_G, bright_G = mean_G, mean_G
    for _ in range(3):
        is_dark_K = local_K < ((dark_G + bright_G) / 2)[limb_K]
        dark_G = _means(limb_K[is_dark_K], local_K[is_dark_K], mean_G)
        bright_G = _means(limb_K[~is_dark_K], local_K[~is_dark_K], mean_G)
    near, far = TWO_CLOTHES
    two_G = np.clip((bright_G - dark_G - near) / (far - near), 0, 1)
    gap_G = np.maximum(bright_G - dark_G, 1e-3)
    # From one cloth to the other within the middle half of the distance.
    bright_cc = np.clip(0.5 + 2 * (local_cc - ((dark_G + bright_G) / 2)[limb_cc]) / gap_G[limb_cc], 0, 1)
    pair_cc = dark_G[limb_cc] + bright_cc * (bright_G - dark_G)[limb_cc]
    cloth_cc = mean_G[limb_cc] + two_G[limb_cc] * (pair_cc - mean_G[limb_cc])
    away_cc = person - cloth_cc
    return np.asarray(cloth_cc + (1 - LIMB_SHARE) * away_cc / (1 + np.square(away_cc / SHADE)), np.float32)


def _means(limb_K: np.ndarray, value_K: F32, otherwise_G: F64) -> F64:
    """Mean of the values of each limb (LIMBS,), and a given one of limbs without values."""
    count_G = np.bincount(limb_K, minlength=LIMBS)
    sum_G = np.bincount(limb_K, weights=value_K, minlength=LIMBS)
    return np.where(count_G > 0, sum_G / np.maximum(count_G, 1), otherwise_G)
