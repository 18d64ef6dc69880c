"""Exports that are pictures: a folder of PNGs, or one lossless film."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from stages.payloads import U8
from stages.results.formats.moment import Moment
from stages.results.formats.one_film import Coding, OneFilm
from stages.results.formats.writer import FileAFrame, Target, Writer
from stages.video.encoding.containers import CONTAINERS

LOSSLESS = {
    ".mkv": Coding(codec="ffv1", pixels="bgr0"),
    ".mp4": Coding(codec="libx264rgb", pixels="rgb24", crf=0),
    ".mov": Coding(codec="libx264rgb", pixels="rgb24", crf=0),
}
"""Films whose pixels come back to the bit, in RGB."""


def begin_pictures(target: Target, picture: Callable[[Moment], U8]) -> Writer:
    """PNGs in a folder, or a lossless film where the path has a video's suffix."""
    path = Path(target.path)
    if path.suffix.lower() in CONTAINERS and not path.is_dir():
        return OneFilm(target, LOSSLESS, picture)
    return FileAFrame(target, ".png", lambda moment: png(picture(moment)))


def png(picture: U8 | np.ndarray) -> bytes:
    """A picture, (H, W, 3) RGB or (H, W) grey of 8 or 16 bit, as PNG."""
    stored = picture[..., ::-1] if picture.ndim == 3 else picture
    return cv2.imencode(".png", stored)[1].tobytes()
