"""Draws the texture of an atlas onto a person."""

from __future__ import annotations

import cv2
import numpy as np

from models.body.charts import COARSE_OF_CHART
from models.surface.atlas import Atlas, choose_level, sample_atlas
from stages.drawing.compositing import Visible, blend_over, chart_borders, faded_cover, person_mask, soft_cover
from stages.drawing.light import LEAST_GAIN, LIMBS, MOST_GAIN, UNIT_GAIN, light_gain
from stages.drawing.matte import extend_texels, matte_of
from stages.payloads import F32, U8

UNIT_LUMA = 96
"""Relative lumas are bytes, so that all arithmetic is 8-bit; this byte means 1."""
LUMA_OFFSET = 8
"""Added to lumas, because nearly black pixels carry no information about light."""
LIMB_WEIGHT = 0.75
"""Weight of the limb's own mean luma in the reference luma; the rest is the mean of the whole person."""

BORDER_WINDOW = np.ones((3, 3), np.uint8)


def draw_texture(visible: Visible, atlas: Atlas, *, opacity: float, shading: float, fade: float = 0.0) -> None:
    """Draw the atlas onto one person, in place.

    Args:
        visible: the person's grid and the canvas under it.
        atlas: the texture.
        opacity: 0..1.
        shading: 0..1, how much of the original's light and folds stays visible.
        fade: 0..1, how much of the original shows through where confidence is low.
    """
    level = choose_level(atlas, visible.labels_hw, visible.uv_2hw)
    texel_hw4 = sample_atlas(atlas.levels[level], visible.labels_hw, visible.uv_2hw)
    blur_chart_borders(texel_hw4, visible.labels_hw)
    cover_hw = faded_cover(soft_cover(visible.labels_hw, opacity), visible.confidence_hw, fade)
    hidden_hw = None
    if atlas.has_alpha:
        hidden_hw = np.asarray(cv2.multiply(cover_hw, texel_hw4[..., 3], scale=1 / 255), np.uint8)
    texel_hw3 = np.asarray(cv2.cvtColor(texel_hw4, cv2.COLOR_RGBA2RGB), np.uint8)
    if shading > 0:
        texel_hw3 = _shaded(texel_hw3, visible, shading)
    blend_over(visible.canvas, texel_hw3, cover_hw, hidden_hw)


def draw_matte_texture(visible: Visible, atlas: Atlas, *, opacity: float, shading: float, fade: float = 0.0) -> None:
    """Draw the atlas onto one person who is painted through the body, in place: the edge follows the picture's, and the
    light leaves out prints of the original. Arguments as for `draw_texture`."""
    matte = matte_of(visible)
    level = choose_level(atlas, visible.labels_hw, visible.uv_2hw)
    texel_hw4 = sample_atlas(atlas.levels[level], visible.labels_hw, visible.uv_2hw)
    blur_chart_borders(texel_hw4, visible.labels_hw)
    extend_texels(texel_hw4, visible.labels_hw, matte.reach)
    cover_hw = cv2.convertScaleAbs(matte.cover(visible.labels_hw), alpha=opacity)
    cover_hw = faded_cover(np.asarray(cover_hw, np.uint8), visible.confidence_hw, fade)
    hidden_hw = None
    if atlas.has_alpha:
        hidden_hw = np.asarray(cv2.multiply(cover_hw, texel_hw4[..., 3], scale=1 / 255), np.uint8)
    texel_hw3 = np.asarray(cv2.cvtColor(texel_hw4, cv2.COLOR_RGBA2RGB), np.uint8)
    if shading > 0:
        gain_hw = light_gain(matte.without_background(visible.canvas.source_HW3), visible.labels_hw, shading)
        gain_hw3 = cv2.cvtColor(gain_hw, cv2.COLOR_GRAY2RGB)
        texel_hw3 = np.asarray(cv2.multiply(texel_hw3, gain_hw3, scale=1 / UNIT_GAIN), np.uint8)
    matte.remove_spill(visible.canvas, texel_hw4[..., 3] if atlas.has_alpha else None)
    blend_over(visible.canvas, texel_hw3, cover_hw, hidden_hw)


def blur_chart_borders(texel_hw4: U8, labels_hw: U8) -> None:
    """Replace pixels at chart borders inside a person by the mean of their neighbourhood, in place.

    Chart borders are hard edges of whole pixels, across which even a seamless atlas jumps by a texel or two.
    """
    # Background pixels have arbitrary colours and must not be included.
    inner_hw = cv2.erode(person_mask(labels_hw), BORDER_WINDOW)
    seam_hw = cv2.bitwise_and(chart_borders(labels_hw, len(BORDER_WINDOW)), inner_hw)
    cv2.copyTo(cv2.blur(texel_hw4, (3, 3)), seam_hw, texel_hw4)


def _shaded(texel_hw3: U8, visible: Visible, shading: float) -> U8:
    """Texels times the original's luma, relative to the limb's reference luma, to the power of `shading`."""
    luma_hw = np.asarray(cv2.cvtColor(visible.canvas.source_HW3, cv2.COLOR_RGB2GRAY), np.uint8)
    scale_G = UNIT_LUMA / _reference_luma(visible.labels_hw, luma_hw)
    scale_hw = cv2.LUT(visible.labels_hw, np.resize(scale_G[COARSE_OF_CHART], 256).astype(np.float32))
    relative_hw = cv2.multiply(cv2.convertScaleAbs(luma_hw, alpha=1, beta=LUMA_OFFSET), scale_hw, dtype=cv2.CV_8U)
    gain_hw = cv2.LUT(relative_hw, gains(shading))
    return np.asarray(cv2.multiply(texel_hw3, cv2.cvtColor(gain_hw, cv2.COLOR_GRAY2RGB), scale=1 / UNIT_GAIN), np.uint8)


def gains(shading: float) -> U8:
    """Gain for each relative luma (UNIT_LUMA = 1) as bytes, UNIT_GAIN = unchanged."""
    relative_256 = np.arange(256, dtype=np.float32) / UNIT_LUMA
    return np.rint(np.clip(relative_256**shading, LEAST_GAIN, MOST_GAIN) * UNIT_GAIN).astype(np.uint8)


def _reference_luma(labels_hw: U8, luma_hw: U8) -> F32:
    """The luma that leaves a texel unchanged, by limb (0..14), LUMA_OFFSET added.

    The limb's own mean removes the brightness of the person's clothes (dark trousers do not darken the texture). The
    weight of the person's mean keeps the difference between a limb in the sun and one in the shade.
    """
    stride = 1 + labels_hw.shape[0] // 64
    limb_K, luma_K = COARSE_OF_CHART[labels_hw[::stride]].reshape(-1), luma_hw[::stride].reshape(-1)
    pixels_G = np.bincount(limb_K, minlength=LIMBS).astype(np.float32)
    sums_G = np.bincount(limb_K, weights=luma_K, minlength=LIMBS).astype(np.float32)
    means_G = (sums_G + LUMA_OFFSET) / np.maximum(pixels_G, 1) + LUMA_OFFSET
    person_luma = sums_G[1:].sum() / max(float(pixels_G[1:].sum()), 1.0) + LUMA_OFFSET
    return np.asarray(means_G**LIMB_WEIGHT * person_luma ** (1 - LIMB_WEIGHT), np.float32)
