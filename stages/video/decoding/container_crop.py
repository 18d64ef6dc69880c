"""The part of its pictures that a container asks to show: Matroska's PixelCrop elements, MP4's clean aperture (`clap`).

FFmpeg reads both and leaves it to programs to cut, but PyAV does not tell what it read. Its muxer of Matroska writes it
down again, so the head of a file made from the stream has it, whatever the container was. What H.264 and its kin ask
to cut off themselves is gone when they are decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import TypeVar

import av
import av.container
import av.video.stream
import numpy as np
import numpy.typing as npt

CROPPING_FORMATS = frozenset({"mov", "matroska", "webm"})
BOTTOM, TOP, LEFT, RIGHT = 0x54AA, 0x54BB, 0x54CC, 0x54DD
WAY_TO_VIDEO = (0x18538067, 0x1654AE6B, 0xAE, 0xE0)
"""Segment, Tracks, TrackEntry, Video (RFC 9559, 5.1)."""

Pixel = TypeVar("Pixel", bound=np.generic)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerCrop:
    """Columns and rows that are cut off at each side of a decoded picture, before it is turned upright."""

    left: int = 0
    right: int = 0
    top: int = 0
    bottom: int = 0

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height that are left of a picture; all of one that is too small to be cut."""
        left = width - self.left - self.right, height - self.top - self.bottom
        return left if min(left) > 0 else (width, height)

    def apply(self, picture: npt.NDArray[Pixel]) -> npt.NDArray[Pixel]:
        """A view of the part of a picture (H,W,…) that is left."""
        height, width = picture.shape[:2]
        if self.size(width, height) == (width, height):
            return picture
        return picture[self.top : height - self.bottom, self.left : width - self.right]


WHOLE = ContainerCrop()


def container_crop(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> ContainerCrop:
    """What the container of a stream asks to cut off; nothing where it says nothing."""
    if not set(container.format.name.split(",")) & CROPPING_FORMATS:
        return WHOLE
    memory = BytesIO()
    try:
        with av.open(memory, "w", format="matroska") as trial:
            trial.add_stream_from_template(stream, opaque=True)
            trial.start_encoding()
            head = memory.getvalue()
    except (av.FFmpegError, ValueError):  # Matroska does not know the codec
        return WHOLE
    found = {number: int.from_bytes(head[place.start : place.stop], "big") for number, place in _video(head)}
    return ContainerCrop(
        left=found.get(LEFT, 0), right=found.get(RIGHT, 0), top=found.get(TOP, 0), bottom=found.get(BOTTOM, 0)
    )


def _video(head: bytes) -> Iterator[tuple[int, range]]:
    """(number, place of its content) of the elements that describe the pictures of the one track."""
    place = range(len(head))
    for wanted in WAY_TO_VIDEO:
        place = next((inside for number, inside in _elements(head, place) if number == wanted), range(0))
    yield from _elements(head, place)


def _elements(data: bytes, place: range) -> Iterator[tuple[int, range]]:
    """(number, place of its content) of the EBML elements that follow each other (RFC 8794, 5)."""
    position = place.start
    while position < place.stop and data[position]:
        number_width = 9 - data[position].bit_length()
        number = int.from_bytes(data[position : position + number_width], "big")
        position += number_width
        if position >= place.stop or not data[position]:
            return
        width = 9 - data[position].bit_length()
        length = int.from_bytes(data[position : position + width], "big") & (1 << 7 * width) - 1
        unknown = length == (1 << 7 * width) - 1
        position += width
        end = place.stop if unknown else min(position + length, place.stop)
        yield number, range(position, end)
        position = end
