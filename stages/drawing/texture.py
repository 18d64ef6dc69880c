"""An atlas worn by a person."""

from __future__ import annotations

import cv2
import numpy as np

from models.surface.atlas import Atlas, choose_level, sample_atlas
from models.surface.charts import COARSE_OF_CHART
from stages.drawing.compositing import Visible, chart_borders, faded, lay_over, person_mask, soft_cover
from stages.payloads import F32, U8

DARKEST, BRIGHTEST = 0.45, 1.25
"""How far the light of the original may darken and brighten a texel."""
GAIN_ONE, USUAL = 128, 96
"""Gains and relative lumas are bytes, so that the whole product stays in 8-bit arithmetic; these are their 1."""
DARK = 8
"""Added to lumas: what is nearly black has no light to tell of."""
OWN_SHARE = 0.75
"""How much of the brightness a texel is compared with is the limb's own, the rest being the whole person's."""

LIMBS = int(COARSE_OF_CHART.max()) + 1
"""Charts that share a cross-section of the body (front and back of one thigh, both head halves …) share their light."""
SEAM = np.ones((3, 3), np.uint8)


def wear(visible: Visible, atlas: Atlas, *, opacity: float, shading: float, fade: float = 0.0) -> None:
    """Draw the atlas onto one person, in place.

    Args:
        visible: the person's grid and the canvas under it.
        atlas: what is worn.
        opacity: 0..1.
        shading: 0..1, how much of the original's light and folds stays visible.
        fade: 0..1, how far unsure places show the original.
    """
    level = choose_level(atlas, visible.labels_hw, visible.uv_2hw)
    texel_hw4 = sample_atlas(atlas.levels[level], visible.labels_hw, visible.uv_2hw)
    close_seams(texel_hw4, visible.labels_hw)
    cover_hw = faded(soft_cover(visible.labels_hw, opacity), visible.confidence_hw, fade)
    hidden_hw = None
    if atlas.has_alpha:
        hidden_hw = np.asarray(cv2.multiply(cover_hw, texel_hw4[..., 3], scale=1 / 255), np.uint8)
    texel_hw3 = np.asarray(cv2.cvtColor(texel_hw4, cv2.COLOR_RGBA2RGB), np.uint8)
    if shading > 0:
        texel_hw3 = _shaded(texel_hw3, visible, shading)
    lay_over(visible.canvas, texel_hw3, cover_hw, hidden_hw)


def close_seams(texel_hw4: U8, labels_hw: U8) -> None:
    """Where two charts meet inside a person, the mean of a pixel's neighbourhood takes its place, in place.

    Charts come with a hard border of whole pixels, across which even a seamless atlas jumps by a texel or two.
    """
    # The colours of the background mean nothing and must not come in.
    inner_hw = cv2.erode(person_mask(labels_hw), SEAM)
    seam_hw = cv2.bitwise_and(chart_borders(labels_hw, len(SEAM)), inner_hw)
    cv2.copyTo(cv2.blur(texel_hw4, (3, 3)), seam_hw, texel_hw4)


def _shaded(texel_hw3: U8, visible: Visible, shading: float) -> U8:
    """Texels times the original's luma, relative to what is usual on that body part, raised to `shading`."""
    luma_hw = np.asarray(cv2.cvtColor(visible.canvas.source_HW3, cv2.COLOR_RGB2GRAY), np.uint8)
    share_G = USUAL / _usual_luma(visible.labels_hw, luma_hw)
    share_hw = cv2.LUT(visible.labels_hw, np.resize(share_G[COARSE_OF_CHART], 256).astype(np.float32))
    relative_hw = cv2.multiply(cv2.convertScaleAbs(luma_hw, alpha=1, beta=DARK), share_hw, dtype=cv2.CV_8U)
    gain_hw = cv2.LUT(relative_hw, gains(shading))
    return np.asarray(cv2.multiply(texel_hw3, cv2.cvtColor(gain_hw, cv2.COLOR_GRAY2RGB), scale=1 / GAIN_ONE), np.uint8)


def gains(shading: float) -> U8:
    """Gains for each relative luma (USUAL = usual) as bytes, GAIN_ONE = unchanged."""
    relative_256 = np.arange(256, dtype=np.float32) / USUAL
    return np.rint(np.clip(relative_256**shading, DARKEST, BRIGHTEST) * GAIN_ONE).astype(np.uint8)


def _usual_luma(labels_hw: U8, luma_hw: U8) -> F32:
    """The luma that leaves a texel as it is, by limb (0..14), `DARK` added.

    Each limb's own mean takes the brightness of what is worn there out (dark trousers do not blacken the texture);
    the share of the person's mean keeps the difference between a limb in the sun and one in the shade.
    """
    stride = 1 + labels_hw.shape[0] // 64
    limb_K, luma_K = COARSE_OF_CHART[labels_hw[::stride]].reshape(-1), luma_hw[::stride].reshape(-1)
    pixels_G = np.bincount(limb_K, minlength=LIMBS).astype(np.float32)
    sums_G = np.bincount(limb_K, weights=luma_K, minlength=LIMBS).astype(np.float32)
    means_G = (sums_G + DARK) / np.maximum(pixels_G, 1) + DARK
    person = sums_G[1:].sum() / max(float(pixels_G[1:].sum()), 1.0) + DARK
    return np.asarray(means_G**OWN_SHARE * person ** (1 - OWN_SHARE), np.float32)
