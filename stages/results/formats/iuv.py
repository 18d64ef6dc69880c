"""Pictures of the numbers: IUV and who is where, as the first DensePose's tools wrote them, and how sure that is."""

from __future__ import annotations

import numpy as np

from pipeline.stage import StageError
from stages.payloads import I32, U8
from stages.results.formats.moment import Moment, flat
from stages.results.formats.one_film import OneFilm
from stages.results.formats.pictures import LOSSLESS, begin_pictures, png
from stages.results.formats.writer import FileAFrame, Target, Writer

LAST_SMALL = 200
"""Identities up to here fit into bytes, with room above for people without one."""


def begin_iuv(target: Target) -> Writer:
    """PNGs, or a film."""
    return begin_pictures(target, iuv_picture)


def begin_iuv_video(target: Target) -> Writer:
    """A film."""
    return OneFilm(target, LOSSLESS, iuv_picture)


def begin_inds(target: Target) -> Writer:
    """PNGs."""
    return FileAFrame(target, ".png", lambda moment: png(inds_picture(moment)))


def begin_confidence(target: Target) -> Writer:
    """PNGs."""
    return FileAFrame(target, ".png", lambda moment: png(confidence_picture(moment)))


def iuv_picture(moment: Moment) -> U8:
    """(H, W, 3) RGB = V, U, chart: a reader that takes BGR, as OpenCV does, has chart, U, V (reference facts)."""
    return np.ascontiguousarray(flat(moment).iuv_HW3[..., ::-1])


def inds_picture(moment: Moment) -> U8 | np.ndarray:
    """(H, W) grey: 0 = nobody, else the person's number; bytes, or 16 bit in frames with an identity over 200.

    The number is the identity. On images, where there is none, people are 1, 2 … in the order of their scores; in
    videos a person without an identity has a number from the top down (255, 254 …; 65535 … in 16 bit).
    """
    number_N = person_numbers(moment.id_N, still=moment.video.still)
    wide = np.uint16 if number_N.max(initial=0) > np.iinfo(np.uint8).max else np.uint8
    return np.concatenate([[0], number_N])[flat(moment).person_HW].astype(wide)


def person_numbers(id_N: I32, *, still: bool) -> I32:
    """The numbers of `inds_picture`."""
    if still:
        return np.arange(1, len(id_N) + 1, dtype=np.int32)
    top = 255 if id_N.max(initial=0) <= LAST_SMALL else 65535
    nameless_N = id_N < 0
    return np.where(nameless_N, top + 1 - np.cumsum(nameless_N), id_N).astype(np.int32)


def confidence_picture(moment: Moment) -> U8:
    """(H, W) grey: 255 times the confidence, rounded, of whom a pixel shows; 0 where nobody is.

    Raises StageError where it is not known: IUV pictures and lists that are shown again do not hold it.
    """
    person_HW = flat(moment).person_HW
    picture_HW = np.zeros(person_HW.shape, np.uint8)
    for i, surface in enumerate(moment.surfaces):
        if surface.confidence_hw is None:
            remedy = "leave this export out, or begin with a video or an export of surfaces"
            raise StageError("nothing says how sure these surfaces are", "export.to.confidence", remedy)
        if windows := surface.windows(*person_HW.shape):
            frame, grid = windows
            mine_hw = person_HW[frame] == i + 1
            sure_hw = np.rint(255 * surface.confidence_hw[grid].astype(np.float32)).astype(np.uint8)
            picture_HW[frame][mine_hw] = sure_hw[mine_hw]
    return picture_HW
