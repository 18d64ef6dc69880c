"""A process that encodes frames and sends them to a server until its input ends: `python -m stages.live.sender`.

Standard input: a line of JSON (`Sending`), then for each frame its time (`HEAD`) and its RGB bytes. Standard output:
one byte for each frame that was handed to the network. What goes wrong is the last line of standard error.
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import BinaryIO

import av
import av.container
import numpy as np

from stages.live.clock import TICKS
from stages.payloads import U8
from stages.video.decoding.color_conversion import ColorTags, FromRgb

HEAD = struct.Struct(">q")
"""A frame's time, in ticks of the clock."""
SENT = b"."
KEY_FRAME_EVERY_S = 2
"""Who joins a stream waits so long for a picture at most; servers ask for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """A stream on its way out.

    Attributes:
        url, format, options: of the destination, as FFmpeg takes them.
        encoder: x264's options.
        width, height: pixels of the frames.
        rate: frames a second, as a fraction.
        tags: primaries, transfer curve, matrix (ITU-T H.273), and whether the range is full.
    """

    url: str
    format: str
    options: Mapping[str, str]
    encoder: Mapping[str, str]
    width: int
    height: int
    rate: str
    tags: tuple[int, int, int, bool]

    def as_line(self) -> bytes:
        """For the sending process."""
        return json.dumps(asdict(self)).encode() + b"\n"


def frames_in(source: BinaryIO, width: int, height: int) -> Iterator[tuple[int, U8]]:
    """Time and picture (height, width, 3) of each frame; one cut short ends them."""
    size = width * height * 3
    while len(head := source.read(HEAD.size)) == HEAD.size and len(pixels := source.read(size)) == size:
        yield HEAD.unpack(head)[0], np.frombuffer(pixels, np.uint8).reshape(height, width, 3)


def even(rgb_HW3: U8) -> U8:
    """The picture without an odd last row and column, which H.264's usual format cannot hold."""
    height, width = rgb_HW3.shape[:2]
    return np.ascontiguousarray(rgb_HW3[: height // 2 * 2, : width // 2 * 2])


def send(order: Sending, frames: Iterator[tuple[int, U8]], sent: BinaryIO) -> None:
    """Send frames until they end. Raises FFmpegError when the server is not there, or not any more."""
    primaries, trc, matrix, full_range = order.tags
    convert = FromRgb(ColorTags(primaries=primaries, trc=trc, matrix=matrix, full_range=full_range), "yuv420p")
    with av.open(order.url, "w", format=order.format, options=dict(order.options)) as container:
        stream = _stream(container, order)
        start, last = 0, -1
        for pts, rgb_HW3 in frames:
            start = pts if last < 0 else start
            frame = convert(even(rgb_HW3))
            last = max(last + 1, (pts - start) * 1000 // TICKS)
            frame.pts, frame.time_base = last, Fraction(1, 1000)
            container.mux(stream.encode(frame))
            sent.write(SENT)
            sent.flush()
        container.mux(stream.encode(None))


def _stream(container: av.container.OutputContainer, order: Sending) -> av.VideoStream:
    primaries, trc, matrix, full_range = order.tags
    rate = Fraction(order.rate)
    stream = container.add_stream("libx264", rate=rate, options=dict(order.encoder))
    assert isinstance(stream, av.VideoStream)
    context = stream.codec_context
    context.width, context.height = order.width // 2 * 2, order.height // 2 * 2
    context.pix_fmt, context.gop_size = "yuv420p", max(1, round(rate * KEY_FRAME_EVERY_S))
    context.time_base = Fraction(1, 1000)
    context.color_primaries, context.color_trc = primaries, trc
    context.colorspace, context.color_range = matrix, 2 if full_range else 1
    return stream


def main() -> int:
    """Send what comes in; 1 when the server is lost."""
    source = sys.stdin.buffer
    fields = json.loads(source.readline())
    order = Sending(**{**fields, "tags": tuple(fields["tags"])})
    try:
        send(order, frames_in(source, order.width, order.height), sys.stdout.buffer)
    except (av.FFmpegError, OSError) as error:
        sys.stderr.write(f"{error.strerror}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
