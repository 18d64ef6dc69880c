"""Masks: an image whose values are people's numbers, of whole people or of some of their parts."""

from __future__ import annotations

import numpy as np

from pipeline.stage import StageError
from stages.drawing.part_groups import charts_of, label_filter
from stages.payloads import U8
from stages.results.formats.frame_result import FrameResult, flattened
from stages.results.formats.image_export import begin_images
from stages.results.formats.iuv import inds_image
from stages.results.formats.writer import WHOLE_PEOPLE, ExportTarget, ExportWriter

MOST_IN_A_VIDEO = 255
"""Greatest number of a person in a video of 8 bits."""


def begin_masks(target: ExportTarget) -> ExportWriter:
    """Grey PNGs, or a lossless video with the number in all three channels."""

    def image(result: FrameResult) -> U8 | np.ndarray:
        return mask_image(result, target.masks.of)

    return begin_images(target, image, lambda result: in_three_channels(image(result), target.path), are_values=True)


def mask_image(result: FrameResult, of: str) -> U8 | np.ndarray:
    """(H, W) grey: the person's number as in `inds_image` on the pixels of a part of people, elsewhere 0.

    Args:
        of: `people`, or a part's name as in `render.only`: `clothes`, `shirt`, `head` ...
    """
    number_HW = inds_image(result)
    if of == WHOLE_PEOPLE:
        return number_HW
    kept_256 = label_filter(charts_of([of]))
    return number_HW * (kept_256[flattened(result).iuv_HW3[..., 0]] > 0).astype(number_HW.dtype)


def in_three_channels(number_HW: U8 | np.ndarray, path: str) -> U8:
    """(H, W, 3) uint8. Raises StageError for numbers that 8 bits do not hold."""
    if number_HW.max(initial=0) > MOST_IN_A_VIDEO:
        what = f"a video of masks holds the numbers of people up to {MOST_IN_A_VIDEO}, and this frame has a greater one"
        raise StageError(what, path, "name a folder, for PNGs of 16 bits")
    return np.repeat(number_HW.astype(np.uint8)[..., None], 3, axis=2)
