"""Cropping that a container requests: Matroska's PixelCrop elements, MP4's clean aperture (`clap`).

FFmpeg parses both and leaves the cropping to programs, but PyAV does not expose the values. FFmpeg's Matroska muxer
writes them again, so this module muxes a header from the stream and parses that. The cropping that H.264 and HEVC
signal themselves is applied by their decoders.
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
PATH_TO_VIDEO = (0x18538067, 0x1654AE6B, 0xAE, 0xE0)
"""Segment, Tracks, TrackEntry, Video (RFC 9559, 5.1)."""

Pixel = TypeVar("Pixel", bound=np.generic)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerCrop:
    """Columns and rows to remove at each side of a decoded frame, before it is rotated upright."""

    left: int = 0
    right: int = 0
    top: int = 0
    bottom: int = 0

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height after the crop; unchanged for a frame that is too small for it."""
        cropped = width - self.left - self.right, height - self.top - self.bottom
        return cropped if min(cropped) > 0 else (width, height)

    def apply(self, frame: npt.NDArray[Pixel]) -> npt.NDArray[Pixel]:
        """A view of the cropped part of a frame (H,W,…)."""
        height, width = frame.shape[:2]
        if self.size(width, height) == (width, height):
            return frame
        return frame[self.top : height - self.bottom, self.left : width - self.right]


NO_CROP = ContainerCrop()


def container_crop(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> ContainerCrop:
    """The crop that a stream's container requests; NO_CROP if it requests none."""
    if not set(container.format.name.split(",")) & CROPPING_FORMATS:
        return NO_CROP
    memory = BytesIO()
    try:
        with av.open(memory, "w", format="matroska") as trial:
            trial.add_stream_from_template(stream, opaque=True)
            trial.start_encoding()
            head = memory.getvalue()
    except (av.FFmpegError, ValueError):  # Matroska does not support the codec
        return NO_CROP
    found = {number: int.from_bytes(head[place.start : place.stop], "big") for number, place in _video(head)}
    return ContainerCrop(
        left=found.get(LEFT, 0), right=found.get(RIGHT, 0), top=found.get(TOP, 0), bottom=found.get(BOTTOM, 0)
    )


def _video(head: bytes) -> Iterator[tuple[int, range]]:
    """(element number, byte range of its content) of the elements in the only track's Video element."""
    place = range(len(head))
    for wanted in PATH_TO_VIDEO:
        place = next((inside for number, inside in _elements(head, place) if number == wanted), range(0))
    yield from _elements(head, place)


def _elements(data: bytes, place: range) -> Iterator[tuple[int, range]]:
    """(element number, byte range of its content) of consecutive EBML elements (RFC 8794, 5)."""
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
