"""The styles that draw fitted bodies: as clay, by their normals, by depth, and dressed in an atlas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from models.body.body_pose import posed_vertices
from models.body.fitted_body import FittedBody
from models.surface.atlas import Atlas, choose_level, sample_atlas
from models.surface.body_image import BodyImage, body_image
from stages.drawing.chart_colours import ramp_256
from stages.drawing.compositing import FrameCanvas, blend_over, soft_cover
from stages.drawing.texture import blur_chart_borders
from stages.payloads import F32, U8

BODY_STYLES: dict[str, tuple[float, str]] = {
    "mesh": (0.9, "the fitted body as clay"),
    "normals": (0.95, "the fitted body's normals: red to the right, green up, blue to the camera"),
    "depth": (0.95, "the fitted body's distance, yellow 1 m to dark blue 20 m"),
    "body": (1.0, "the fitted body in the texture of an atlas"),
}
"""Default opacity, and a description."""
NEAREST_M, FARTHEST_M = 1.0, 20.0
"""Distances of the ends of the style `depth`; between them the colour follows the logarithm."""
CLAY_3 = np.array([196, 202, 214], np.float32)
TO_LIGHT_3 = np.array([-0.35, -0.65, -0.67], np.float32)
"""Direction to the lamp in the camera's frame."""
DARKEST = 0.42
"""Brightness of a surface that is turned away from the lamp."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnBody:
    """A fitted body to be drawn; `atlas` is its texture at this time, None in styles without texture."""

    body: FittedBody
    atlas: Atlas | None = None


def paint_bodies(
    canvas: FrameCanvas, style: str, drawn: Sequence[DrawnBody], opacity: float, kept_256: U8 | None
) -> None:
    """Draw the bodies of a frame, in place; nearer surfaces hide farther ones, pixel by pixel.

    Args:
        style: one of `BODY_STYLES`.
        kept_256: the label to draw for each label; None draws all.
    """
    height, width = canvas.rgb_HW3.shape[:2]
    seen = [(one, body_image(posed_vertices(one.body.pose), one.body.camera, height, width)) for one in drawn]
    images = [(one, image, image.depth_hw()) for one, image in seen if image is not None]
    nearest_HW = np.full((height, width), np.inf, np.float32)
    for _, image, depth_hw in images:
        part_hw = nearest_HW[_window(image)]
        np.minimum(part_hw, np.where(depth_hw > 0, depth_hw, np.inf), out=part_hw)
    for one, image, depth_hw in sorted(images, key=lambda entry: -float(entry[0].body.pose.root_3[2])):
        labels_hw, uv_2hw = image.surface()
        labels_hw[depth_hw > nearest_HW[_window(image)]] = 0
        if kept_256 is not None:
            labels_hw = np.asarray(cv2.LUT(labels_hw, kept_256), np.uint8)
        part = FrameCanvas(
            source_HW3=canvas.source_HW3[_window(image)],
            rgb_HW3=canvas.rgb_HW3[_window(image)],
            alpha_HW=None if canvas.alpha_HW is None else canvas.alpha_HW[_window(image)],
        )
        cover_hw = soft_cover(labels_hw, opacity)
        if style == "body":
            assert one.atlas is not None
            colour_hw3, hidden_hw = _dressed(image, labels_hw, uv_2hw, one.atlas, cover_hw)
            blend_over(part, colour_hw3, cover_hw, hidden_hw)
        else:
            blend_over(part, _coloured(style, image, depth_hw), cover_hw)


def _window(image: BodyImage) -> tuple[slice, slice]:
    return slice(image.y0, image.y0 + image.height), slice(image.x0, image.x0 + image.width)


def _coloured(style: str, image: BodyImage, depth_hw: F32) -> U8:
    if style == "depth":
        share_hw = np.log(np.clip(depth_hw, NEAREST_M, FARTHEST_M) / NEAREST_M) / np.log(FARTHEST_M / NEAREST_M)
        return ramp_256()[np.rint(255 * (1 - share_hw)).astype(np.uint8)]
    normal_hw3 = image.normal_hw3()
    if style == "normals":
        return np.rint((normal_hw3 * np.array([1, -1, -1], np.float32) + 1) * 127.5).astype(np.uint8)
    return np.rint(CLAY_3 * _brightness(normal_hw3)[..., None]).astype(np.uint8)


def _brightness(normal_hw3: F32) -> F32:
    """Light of a lamp above, left of the camera, DARKEST to 1."""
    toward_3 = TO_LIGHT_3 / np.linalg.norm(TO_LIGHT_3)
    return DARKEST + (1 - DARKEST) * np.clip(normal_hw3 @ toward_3, 0, 1)


def _dressed(image: BodyImage, labels_hw: U8, uv_2hw: F32, atlas: Atlas, cover_hw: U8) -> tuple[U8, U8 | None]:
    """Colours of the atlas under the lamp, and what they hide of the canvas where the atlas has alpha."""
    level = choose_level(atlas, labels_hw, uv_2hw)
    texel_hw4 = sample_atlas(atlas.levels[level], labels_hw, uv_2hw)
    blur_chart_borders(texel_hw4, labels_hw)
    hidden_hw = None
    if atlas.has_alpha:
        hidden_hw = np.asarray(cv2.multiply(cover_hw, texel_hw4[..., 3], scale=1 / 255), np.uint8)
    light_hw = _brightness(image.normal_hw3())
    return np.rint(texel_hw4[..., :3] * light_hw[..., None]).astype(np.uint8), hidden_hw
