"""An atlas worn by a person."""

from __future__ import annotations

import cv2
import numpy as np

from models.surface.atlas import Atlas, choose_level, sample
from stages.drawing.compositing import Visible, lay_over, soft_cover
from stages.payloads import U8

DARKEST, BRIGHTEST = 0.45, 1.25
"""How far the light of the original may darken and brighten a texel."""
GAIN_ONE = 128
"""Gains are bytes so that the whole product stays in 8-bit arithmetic; this one changes nothing."""
OWN_SHARE = 0.75
"""How much of the brightness a texel is compared with is the limb's own, the rest being the whole person's."""

LIMB_OF_CHART = (0, 1, 1, 2, 3, 4, 5, 6, 7, 6, 7, 8, 9, 8, 9, 10, 11, 10, 11, 12, 13, 12, 13, 14, 14)
"""Charts that share a cross-section of the body (front and back of one thigh, both head halves …) share their light."""
LIMBS = max(LIMB_OF_CHART) + 1
LIMB_256: U8 = np.resize(np.array(LIMB_OF_CHART, np.uint8), 256)


def wear(visible: Visible, atlas: Atlas, *, opacity: float, shading: float) -> None:
    """Draw the atlas onto one person, in place.

    Args:
        visible: the person's grid and the window of the frame under it.
        atlas: what is worn.
        opacity: 0..1.
        shading: 0..1, how much of the original's light and folds stays visible.
    """
    level = choose_level(atlas, visible.labels_hw, visible.uv_2hw)
    texel_hwC = sample(atlas.levels[level], visible.labels_hw, visible.uv_2hw)
    cover_hw = soft_cover(visible.labels_hw, opacity)
    if atlas.has_alpha:
        cover_hw *= texel_hwC[..., 3].astype(np.float32) / 255
        texel_hwC = np.ascontiguousarray(texel_hwC[..., :3])
    if shading > 0:
        texel_hwC = _shaded(texel_hwC, visible, shading)
    lay_over(visible, texel_hwC, cover_hw)


def _shaded(texel_hw3: U8, visible: Visible, shading: float) -> U8:
    """Texels times the original's luma, relative to what is usual on that body part, raised to `shading`."""
    luma_hw = np.asarray(cv2.cvtColor(visible.window_hw3, cv2.COLOR_RGB2GRAY), np.uint8)
    limb_hw = np.asarray(cv2.LUT(visible.labels_hw, LIMB_256), np.uint8)
    gain_GL = _gain_by_limb(limb_hw, luma_hw, shading)
    gain_hw = gain_GL.reshape(-1).take(limb_hw.astype(np.uint16) * 256 + luma_hw)
    return np.asarray(cv2.multiply(texel_hw3, cv2.merge([gain_hw, gain_hw, gain_hw]), scale=1 / GAIN_ONE), np.uint8)


def _gain_by_limb(limb_hw: U8, luma_hw: U8, shading: float) -> U8:
    """Table (limbs, 256 lumas) of gains as bytes, GAIN_ONE = unchanged.

    Each limb's own mean takes the brightness of what is worn there out (dark trousers do not blacken the texture);
    the share of the person's mean keeps the difference between a limb in the sun and one in the shade.
    """
    stride = 1 + limb_hw.shape[0] // 128
    limb_K, luma_K = limb_hw[::stride].reshape(-1), luma_hw[::stride].reshape(-1)
    pixels_G = np.bincount(limb_K, minlength=LIMBS).astype(np.float32)
    sums_G = np.bincount(limb_K, weights=luma_K, minlength=LIMBS).astype(np.float32)
    means_G = (sums_G + 8) / np.maximum(pixels_G, 1) + 8
    person = sums_G[1:].sum() / max(float(pixels_G[1:].sum()), 1.0) + 8
    usual_G = means_G**OWN_SHARE * person ** (1 - OWN_SHARE)
    relative_GL = (np.arange(256, dtype=np.float32) + 8) / usual_G[:, None]
    return np.rint(np.clip(relative_GL**shading, DARKEST, BRIGHTEST) * GAIN_ONE).astype(np.uint8)
