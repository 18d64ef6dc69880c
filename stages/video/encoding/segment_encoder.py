"""The FFmpeg video encoder, called through PyAV: each segment has an encoder of its own, and is closed before the next.

A segment is a Matroska file whose frames are numbered, not timed: frame i has the time i/rate. The manifest keeps
the true times, and `concatenation` restores them. So the encoder's input does not depend on the source's clock, and a
segment that is encoded again after a crash has the same bytes.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import av.container
import numpy as np
from av.bitstream import BitStreamFilterContext

from models.arrays import U8
from pipeline.stage import StageError
from stages.video.decoding.color_conversion import ColorTags, FromRgb
from stages.video.decoding.resizing import resize_to
from stages.video.decoding.timestamps import FALLBACK_RATE, reorder_delay
from stages.video.encoding.atomic_writes import sync_file, sync_folder
from stages.video.encoding.containers import Container
from stages.video.encoding.segment_manifest import Segment, append_manifest
from stages.video.encoding.thread_priority import thread_priority_kept

START_CODE_FILTERS = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}
LONGEST_DELAY = 64
"""More frames than any encoder holds back."""
SAME_BYTES = {"fflags": "+bitexact"}
"""Keeps dates, random numbers and library versions out of files."""
MIN_RATE, MAX_RATE = Fraction(1), Fraction(200)
"""Frame rates an encoder is told; true times do not depend on them. Above, Matroska's milliseconds blur numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderSpec:
    """Everything that decides the bytes of a segment, apart from its frames.

    Attributes:
        codec, options: FFmpeg's encoder and its private options.
        picture: width and height that frames are brought to.
        width, height: pixels of the encoded picture: `picture`, or one more where the encoder wants even numbers.
        pix_fmt: FFmpeg's name.
        rate: frames a second as the encoder is told; see `encoder_rate`.
        sample_aspect: width of a pixel over its height.
        tags: colour.
        threads: of the encoder; part of what decides the bytes.
    """

    codec: str
    options: tuple[tuple[str, str], ...]
    picture: tuple[int, int]
    width: int
    height: int
    pix_fmt: str
    rate: Fraction
    sample_aspect: Fraction
    tags: ColorTags
    threads: int


def encoder_rate(rate: Fraction | None) -> Fraction:
    """A frame rate that every encoder accepts, near the nominal one."""
    return min(max(rate or FALLBACK_RATE, MIN_RATE), MAX_RATE).limit_denominator(1001)


class SegmentEncoder:
    """One open segment: frames in, a file out."""

    def __init__(self, folder: Path, number: int, first: int, spec: EncoderSpec) -> None:
        """Args: number: of the segment; first: number of its first frame in the output."""
        self._final = folder / f"segment_{number:06d}.mkv"
        self._draft = folder / f"segment_{number:06d}.draft"
        self._first = first
        self._spec = spec
        self._from_rgb = FromRgb(spec.tags, spec.pix_fmt)
        self._pts = array("q")
        self._coded: list[int] = []
        self._file = self._draft.open("wb")
        self._container = av.open(self._file, "w", format="matroska", options=SAME_BYTES)
        self._stream = _video_stream(self._container, spec)

    def __len__(self) -> int:
        return len(self._pts)

    def add(self, rgb_HW3: U8, pts: int) -> None:
        """Encode the next frame; `pts` in source ticks."""
        frame = self._from_rgb(resized_for_encoder(rgb_HW3, self._spec))
        frame.pts, frame.time_base = len(self._pts), 1 / self._spec.rate
        self._pts.append(pts)
        self._mux(self._stream.encode(frame))

    def finish(self) -> Segment:
        """Close the encoder, make the file durable and put it under its name; then into the manifest."""
        self._mux(self._stream.encode(None))
        self._container.close()
        sync_file(self._file)
        self._file.close()
        self._draft.replace(self._final)
        sync_folder(self._final.parent)
        segment = Segment(name=self._final.name, first=self._first, pts=self._pts, delay=reorder_delay(self._coded))
        append_manifest(self._final.parent, segment)
        return segment

    def discard(self) -> None:
        """Give up the open segment."""
        self._file.close()
        self._draft.unlink(missing_ok=True)

    def _mux(self, packets: Sequence[av.Packet]) -> None:
        for packet in packets:
            assert packet.pts is not None and packet.time_base is not None
            self._coded.append(round(packet.pts * packet.time_base * self._spec.rate))
            self._container.mux(with_new_dts(packet, len(self._coded)))


def _video_stream(container: av.container.OutputContainer, spec: EncoderSpec) -> av.VideoStream:
    stream = container.add_stream(spec.codec, rate=spec.rate, options=dict(spec.options))
    assert isinstance(stream, av.VideoStream)
    context = stream.codec_context
    context.width, context.height, context.pix_fmt = spec.width, spec.height, spec.pix_fmt
    context.time_base = 1 / spec.rate
    context.sample_aspect_ratio = spec.sample_aspect
    context.color_primaries, context.color_trc = spec.tags.primaries, spec.tags.trc
    context.colorspace, context.color_range = spec.tags.matrix, 2 if spec.tags.full_range else 1
    # Whole frames side by side where an encoder can: x264's slices wait for each other, and make larger files.
    context.thread_count, context.thread_type = spec.threads, "AUTO"
    with thread_priority_kept():
        context.open(strict=False)
    return stream


def check_encoder(spec: EncoderSpec, container: Container, path: str) -> None:
    """Encode one picture into memory, up to the trailer, before any work is spent on real ones.

    Raises:
        StageError: the encoder does not work on this machine or with these settings, or its video does not fit
            the container.
    """
    # SVT-AV1 writes its settings to the terminal unless the environment says otherwise.
    os.environ.setdefault("SVT_LOG", "0")
    picture = np.zeros((spec.height, spec.width, 3), np.uint8)
    frame = FromRgb(spec.tags, spec.pix_fmt)(picture)
    frame.pts, frame.time_base = 0, 1 / spec.rate
    try:
        with av.open(BytesIO(), "w", format=container.name) as trial:
            stream = _video_stream(trial, spec)
            packets = [*stream.encode(frame), *stream.encode(None)]
            for count, packet in enumerate(packets, start=1):
                trial.mux(with_new_dts(packet, count))
    except (av.FFmpegError, ValueError) as error:
        reason = error.strerror if isinstance(error, av.FFmpegError) else str(error)
        raise StageError(
            f"a video of {spec.width}×{spec.height} cannot be encoded by {spec.codec} into {container.name} ({reason})",
            path,
            f"set encode.codec to {container.video}, or choose .mkv",
        ) from error


def with_new_dts(packet: av.Packet, count: int) -> av.Packet:
    """The packet with a DTS by its place in coded order: libx265 makes them up for videos of one or two frames.

    Args:
        count: packets so far, this one included.
    """
    assert packet.time_base is not None
    frame = 1 / (packet.time_base * (packet.stream.average_rate or FALLBACK_RATE))
    packet.dts = round((count - 1 - LONGEST_DELAY) * frame)
    return packet


def resized_for_encoder(rgb_HW3: U8, spec: EncoderSpec) -> U8:
    """The picture in the encoder's size: stretched to `picture`, its last column and row repeated to fill the rest."""
    rgb_HW3 = resize_to(rgb_HW3, spec.picture)
    right, below = spec.width - rgb_HW3.shape[1], spec.height - rgb_HW3.shape[0]
    return np.pad(rgb_HW3, ((0, below), (0, right), (0, 0)), mode="edge") if right or below else rgb_HW3


def read_packets(path: Path, rate: Fraction, *, start_codes: bool = False) -> Iterator[tuple[av.Packet, int]]:
    """Packets of a segment in coded order, each with the number of its frame within the segment.

    Args:
        start_codes: give H.264 and HEVC in the form of ISO/IEC 14496-10 Annex B, which AVI wants.
    """
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        name = START_CODE_FILTERS.get(stream.codec_context.codec.canonical_name) if start_codes else None
        rewrite = BitStreamFilterContext(name, in_stream=stream) if name else None
        for packet in container.demux(stream):
            if packet.size:
                assert packet.pts is not None and packet.time_base is not None
                number = round(packet.pts * packet.time_base * rate)
                for made in rewrite.filter(packet) if rewrite else (packet,):
                    yield made, number
