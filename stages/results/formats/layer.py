"""People as a layer for compositors: what was drawn of them, and where they are as alpha."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.stage import StageError
from stages.payloads import U8
from stages.results.formats.moment import Moment, flat
from stages.results.formats.one_film import Coding, OneFilm
from stages.results.formats.writer import Target, Writer

PRORES = {".mov": Coding(codec="prores_ks", pixels="yuva444p10le")}
WEBM = {".webm": Coding(codec="libvpx-vp9", pixels="yuva420p")}
EDGE = 16
"""Pixels around what shows that keep their colour: codecs and scaling mix neighbours, and black would darken edges."""


def begin_prores(target: Target) -> Writer:
    """ProRes 4444."""
    return OneFilm(target, PRORES, layer_picture)


def begin_webm(target: Target) -> Writer:
    """VP9 with a second picture for alpha."""
    return OneFilm(target, WEBM, layer_picture)


def layer_picture(moment: Moment) -> U8:
    """(H, W, 4) RGBA with straight alpha: the rendered frame, or the original where nothing renders.

    Alpha is the rendered frame's own; where it has none, 255 on people and 0 elsewhere. Farther than EDGE from all that
    shows, colours are black: the clear part of the file holds nothing of the place.
    """
    drawn_HW3 = moment.drawn_HW3
    if drawn_HW3 is not None and drawn_HW3.shape != moment.rgb_HW3.shape:
        sizes = f"{drawn_HW3.shape[1]}×{drawn_HW3.shape[0]} from frames of {moment.video.width}×{moment.video.height}"
        raise StageError(f"this style draws {sizes}, which is no layer over them", "render.style", "choose another")
    rgb_HW3 = moment.rgb_HW3 if drawn_HW3 is None else drawn_HW3
    alpha_HW = moment.alpha_HW
    if alpha_HW is None:
        alpha_HW = (flat(moment).person_HW > 0).astype(np.uint8) * np.uint8(255)
    near_HW = cv2.dilate(alpha_HW, np.ones((2 * EDGE + 1, 2 * EDGE + 1), np.uint8)) > 0
    return np.dstack([np.where(near_HW[..., None], rgb_HW3, 0), alpha_HW])
