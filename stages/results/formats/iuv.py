"""IUV images, person images (`inds`) in the format of the first DensePose's tools, and confidence images."""

from __future__ import annotations

import numpy as np

from models.files.png_image import png_of
from pipeline.stage import StageError
from stages.payloads import I32, U8
from stages.results.formats.frame_result import FrameResult, flattened
from stages.results.formats.image_export import LOSSLESS, VideoExport, begin_images
from stages.results.formats.writer import ExportTarget, ExportWriter, FilePerFrame

LAST_8_BIT_IDENTITY = 200
"""Identities up to this fit into bytes, with numbers above for people without identity."""


def begin_iuv(target: ExportTarget) -> ExportWriter:
    """PNGs, or a video."""
    return begin_images(target, iuv_image, are_values=True)


def begin_iuv_video(target: ExportTarget) -> ExportWriter:
    """A video."""
    return VideoExport(target, LOSSLESS, iuv_image)


def begin_inds(target: ExportTarget) -> ExportWriter:
    """PNGs."""
    return FilePerFrame(target, ".png", lambda result: png_of(inds_image(result)))


def begin_confidence(target: ExportTarget) -> ExportWriter:
    """PNGs."""
    return FilePerFrame(target, ".png", lambda result: png_of(confidence_image(result)))


def iuv_image(result: FrameResult) -> U8:
    """(H, W, 3) RGB = V, U, chart: a reader with BGR order, as OpenCV, gets chart, U, V (reference facts)."""
    return np.ascontiguousarray(flattened(result).iuv_HW3[..., ::-1])


def inds_image(result: FrameResult) -> U8 | np.ndarray:
    """(H, W) grey: 0 = background, else the person's number; 8 bit, or 16 bit in frames with an identity over 200.

    The number is the identity. In single images, which have no identities, people are 1, 2 … by falling score; in
    videos people without an identity are numbered from the top down (255, 254 …; 65535 … in 16 bit).
    """
    number_N = person_numbers(result.id_N, still=result.video.still)
    wide = np.uint16 if number_N.max(initial=0) > np.iinfo(np.uint8).max else np.uint8
    return np.concatenate([[0], number_N])[flattened(result).person_HW].astype(wide)


def person_numbers(id_N: I32, *, still: bool) -> I32:
    """The numbers of people in `inds_image`."""
    if still:
        return np.arange(1, len(id_N) + 1, dtype=np.int32)
    top = 255 if id_N.max(initial=0) <= LAST_8_BIT_IDENTITY else 65535
    no_identity_N = id_N < 0
    return np.where(no_identity_N, top + 1 - np.cumsum(no_identity_N), id_N).astype(np.int32)


def confidence_image(result: FrameResult) -> U8:
    """(H, W) grey: 255 times the confidence of the visible person, rounded; 0 on background.

    Raises StageError if confidence is unknown: replayed IUV images and result lists do not hold it.
    """
    person_HW = flattened(result).person_HW
    image_HW = np.zeros(person_HW.shape, np.uint8)
    for i, surface in enumerate(result.surfaces):
        if surface.confidence_hw is None:
            remedy = "leave this export out, or use a video or an export of surfaces as input"
            raise StageError("the confidence of these surfaces is unknown", "export.to.confidence", remedy)
        if windows := surface.windows(*person_HW.shape):
            frame, grid = windows
            person_hw = person_HW[frame] == i + 1
            byte_hw = np.rint(255 * surface.confidence_hw[grid].astype(np.float32)).astype(np.uint8)
            image_HW[frame][person_hw] = byte_hw[person_hw]
    return image_HW
