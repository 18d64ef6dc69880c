"""Frames of a live source that are converted to RGB only when they are used."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import av
import cv2
import numpy as np

from stages.payloads import U8
from stages.video.decoding.color_conversion import ToRgb
from stages.video.decoding.orientation import Orientation
from stages.video.decoding.resizing import size_within


class LazyFrame(Protocol):
    """A frame that is converted to RGB on demand: a dropped frame costs no conversion."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height after rotation to upright, in pixels."""
        ...

    def rgb(self, width: int, height: int) -> U8:
        """(height, width, 3) uint8 RGB, upright."""
        ...


@dataclass(frozen=True, slots=True)
class LiveFrame:
    """A frame and its times.

    Attributes:
        image: the frame, not yet converted.
        source_s: time on the source's own clock, seconds; None if the source gives none.
        captured_s: when the frame's data arrived on this machine, seconds since 1970.
        connection: number of the connection that delivered it, from 1; 0 before it is set.
    """

    image: LazyFrame
    source_s: float | None
    captured_s: float
    connection: int = 0


@dataclass(frozen=True, slots=True)
class DecodedFrame:
    """A frame decoded by FFmpeg; its pixels are made square, because no live output states another aspect."""

    frame: av.VideoFrame
    turn: Orientation
    to_rgb: ToRgb
    aspect: Fraction

    @property
    def size(self) -> tuple[int, int]:
        """See `LazyFrame`."""
        width, height = self.to_rgb.size(self.frame)
        return self.turn.size(max(round(width * self.aspect), 1), height)

    def rgb(self, width: int, height: int) -> U8:
        """See `LazyFrame`."""
        return self.turn.apply(self.to_rgb(self.frame, *self.turn.size(width, height)))


@dataclass(frozen=True, slots=True)
class CameraFrame:
    """A frame from an OpenCV camera."""

    bgr_HW3: U8

    @property
    def size(self) -> tuple[int, int]:
        """See `LazyFrame`."""
        height, width = self.bgr_HW3.shape[:2]
        return width, height

    def rgb(self, width: int, height: int) -> U8:
        """See `LazyFrame`."""
        bgr_HW3 = self.bgr_HW3
        if self.size != (width, height):
            bgr_HW3 = np.asarray(cv2.resize(bgr_HW3, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        return np.asarray(cv2.cvtColor(bgr_HW3, cv2.COLOR_BGR2RGB), np.uint8)


def stream_size(first: LazyFrame, max_side: int | None) -> tuple[int, int]:
    """Width and height of a stream from its first frame, scaled down so that the longest side is at most `max_side`."""
    return size_within(*first.size, max_side)
