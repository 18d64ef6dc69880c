"""Pictures of the numbers: IUV and who is where, as the first DensePose's tools wrote them."""

from __future__ import annotations

import numpy as np

from stages.formats.moment import Moment, flat
from stages.formats.one_film import OneFilm
from stages.formats.pictures import LOSSLESS, begin_pictures, png
from stages.formats.writer import FileAFrame, Target, Writer
from stages.payloads import I32, U8

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
