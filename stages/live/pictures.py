"""One frame of a live source as it lies in memory until somebody wants its colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import av
import cv2
import numpy as np

from stages.payloads import U8
from stages.video.decoding.color_conversion import ToRgb
from stages.video.decoding.orientation import Turn
from stages.video.decoding.resizing import fitted_size


class Picture(Protocol):
    """A frame whose conversion to RGB waits until it is taken: dropped ones cost nothing."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, upright."""
        ...

    def rgb(self, width: int, height: int) -> U8:
        """(height, width, 3) uint8, upright."""
        ...


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture with its times.

    Attributes:
        source_s: on the source's own clock, seconds; None where it gives none.
        captured_s: when its data arrived here, seconds since 1970.
        connection: number of the connection it came by; 0 before that is known.
    """

    picture: Picture
    source_s: float | None
    captured_s: float
    connection: int = 0


@dataclass(frozen=True, slots=True)
class DecodedPicture:
    """A frame from FFmpeg."""

    frame: av.VideoFrame
    turn: Turn
    to_rgb: ToRgb

    @property
    def size(self) -> tuple[int, int]:
        """See `Picture`."""
        return self.turn.size(*self.to_rgb.size(self.frame))

    def rgb(self, width: int, height: int) -> U8:
        """See `Picture`."""
        return self.turn.apply(self.to_rgb(self.frame, *self.turn.size(width, height)))


@dataclass(frozen=True, slots=True)
class CameraPicture:
    """A frame from OpenCV."""

    bgr_HW3: U8

    @property
    def size(self) -> tuple[int, int]:
        """See `Picture`."""
        height, width = self.bgr_HW3.shape[:2]
        return width, height

    def rgb(self, width: int, height: int) -> U8:
        """See `Picture`."""
        bgr_HW3 = self.bgr_HW3
        if self.size != (width, height):
            bgr_HW3 = np.asarray(cv2.resize(bgr_HW3, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        return np.asarray(cv2.cvtColor(bgr_HW3, cv2.COLOR_BGR2RGB), np.uint8)


def size_for(picture: Picture, longest: int | None) -> tuple[int, int]:
    """Width and height of a stream that begins with a picture; the longest side at most `longest`."""
    return fitted_size(*picture.size, longest)
