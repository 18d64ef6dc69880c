"""A process that encodes frames and sends them to a server: `python -m stages.live.broadcast_process`.

Standard input: one line of JSON (`BroadcastJob`), then for each frame its time (`FRAME_HEADER`) and its RGB bytes,
until the input ends. Standard output: one byte (`FRAME_SENT`) for each frame that was handed to the network. The last
line of standard error says why sending failed.
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

from stages.live.timing import TICKS_PER_S
from stages.payloads import U8
from stages.video.decoding.color_conversion import ColorTags, FromRgb

FRAME_HEADER = struct.Struct(">q")
"""A frame's time stamp in ticks."""
FRAME_SENT = b"."
KEY_FRAME_INTERVAL_S = 2
"""A viewer who joins the stream waits at most this long for a frame; servers require it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BroadcastJob:
    """Destination and encoding of a stream.

    Attributes:
        url, format, options: of the destination, in FFmpeg's terms.
        encoder: options of x264.
        width, height: pixels of the frames.
        rate: frames a second, as a fraction.
        tags: primaries, transfer curve and matrix (ITU-T H.273), and True for full range.
    """

    url: str
    format: str
    options: Mapping[str, str]
    encoder: Mapping[str, str]
    width: int
    height: int
    rate: str
    tags: tuple[int, int, int, bool]

    def to_json_line(self) -> bytes:
        """The first line of the process's standard input."""
        return json.dumps(asdict(self)).encode() + b"\n"


def read_frames(source: BinaryIO, width: int, height: int) -> Iterator[tuple[int, U8]]:
    """Time stamp and RGB image (height, width, 3) of each frame; an incomplete frame ends the sequence."""
    size = width * height * 3
    while len(head := source.read(FRAME_HEADER.size)) == FRAME_HEADER.size and len(pixels := source.read(size)) == size:
        yield FRAME_HEADER.unpack(head)[0], np.frombuffer(pixels, np.uint8).reshape(height, width, 3)


def crop_to_even(rgb_HW3: U8) -> U8:
    """The image without an odd last row or column, which 4:2:0 chroma subsampling cannot hold."""
    height, width = rgb_HW3.shape[:2]
    return np.ascontiguousarray(rgb_HW3[: height // 2 * 2, : width // 2 * 2])


def send(job: BroadcastJob, frames: Iterator[tuple[int, U8]], sent: BinaryIO) -> None:
    """Send frames until they end, and write `FRAME_SENT` to `sent` after each.

    Raises FFmpegError when the server cannot be reached or the connection is lost.
    """
    primaries, trc, matrix, full_range = job.tags
    convert = FromRgb(ColorTags(primaries=primaries, trc=trc, matrix=matrix, full_range=full_range), "yuv420p")
    with av.open(job.url, "w", format=job.format, options=dict(job.options)) as container:
        stream = _add_stream(container, job)
        start, last = 0, -1
        for pts, rgb_HW3 in frames:
            start = pts if last < 0 else start
            frame = convert(crop_to_even(rgb_HW3))
            last = max(last + 1, (pts - start) * 1000 // TICKS_PER_S)
            frame.pts, frame.time_base = last, Fraction(1, 1000)
            container.mux(stream.encode(frame))
            sent.write(FRAME_SENT)
            sent.flush()
        container.mux(stream.encode(None))


def _add_stream(container: av.container.OutputContainer, job: BroadcastJob) -> av.VideoStream:
    primaries, trc, matrix, full_range = job.tags
    rate = Fraction(job.rate)
    stream = container.add_stream("libx264", rate=rate, options=dict(job.encoder))
    assert isinstance(stream, av.VideoStream)
    context = stream.codec_context
    context.width, context.height = job.width // 2 * 2, job.height // 2 * 2
    context.pix_fmt, context.gop_size = "yuv420p", max(1, round(rate * KEY_FRAME_INTERVAL_S))
    context.time_base = Fraction(1, 1000)
    context.color_primaries, context.color_trc = primaries, trc
    context.colorspace, context.color_range = matrix, 2 if full_range else 1
    return stream


def send_standard_input() -> int:
    """Send the frames of standard input. The process's exit code: 1 if sending failed."""
    source = sys.stdin.buffer
    fields = json.loads(source.readline())
    job = BroadcastJob(**{**fields, "tags": tuple(fields["tags"])})
    try:
        send(job, read_frames(source, job.width, job.height), sys.stdout.buffer)
    except (av.FFmpegError, OSError) as error:
        sys.stderr.write(f"{error.strerror}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(send_standard_input())
