"""Videos with alpha for compositing: people as drawn, and alpha where they are."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.stage import StageError
from stages.payloads import U8
from stages.results.formats.frame_result import FrameResult, flattened
from stages.results.formats.image_export import VideoCoding, VideoExport
from stages.results.formats.writer import ExportTarget, ExportWriter

PRORES = {".mov": VideoCoding(codec="prores_ks", pixel_format="yuva444p10le")}
WEBM = {".webm": VideoCoding(codec="libvpx-vp9", pixel_format="yuva420p")}
EDGE_PIXELS = 16
"""Width, in pixels, of the strip around visible pixels that keeps its colours: codecs and scaling mix neighbours, and
black would darken edges."""


def begin_prores(target: ExportTarget) -> ExportWriter:
    """ProRes 4444."""
    return VideoExport(target, PRORES, alpha_image)


def begin_webm(target: ExportTarget) -> ExportWriter:
    """VP9 with a second image for alpha."""
    return VideoExport(target, WEBM, alpha_image)


def alpha_image(result: FrameResult) -> U8:
    """(H, W, 4) RGBA with straight alpha: the rendered frame, or the original if nothing renders.

    Alpha is that of the rendered frame; if it has none, 255 on people and 0 elsewhere. Farther than EDGE_PIXELS from
    all visible pixels colours are black, so that the file holds nothing of the background.
    """
    drawn_HW3 = result.drawn_HW3
    if drawn_HW3 is not None and drawn_HW3.shape != result.rgb_HW3.shape:
        sizes = f"{drawn_HW3.shape[1]}×{drawn_HW3.shape[0]} from frames of {result.video.width}×{result.video.height}"
        raise StageError(f"this style draws {sizes}, which is no layer over them", "render.style", "choose another")
    rgb_HW3 = result.rgb_HW3 if drawn_HW3 is None else drawn_HW3
    alpha_HW = result.alpha_HW
    if alpha_HW is None:
        alpha_HW = (flattened(result).person_HW > 0).astype(np.uint8) * np.uint8(255)
    near_HW = cv2.dilate(alpha_HW, np.ones((2 * EDGE_PIXELS + 1, 2 * EDGE_PIXELS + 1), np.uint8)) > 0
    return np.dstack([np.where(near_HW[..., None], rgb_HW3, 0), alpha_HW])
