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
from models.time_steps import FALLBACK_RATE
from pipeline.stage import StageError
from stages.video.decoding.color_conversion import ColorTags, FromRgb
from stages.video.decoding.resizing import resize_to
from stages.video.decoding.timestamps import reorder_delay
from stages.video.encoding.atomic_writes import sync_folder
from stages.video.encoding.containers import Container
from stages.video.encoding.segment_file import SegmentFile
from stages.video.encoding.segment_manifest import Segment, append_manifest
from stages.video.encoding.thread_priority import thread_priority_kept

START_CODE_FILTERS = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}
LONGEST_DELAY = 64
"""More frames than the reorder delay of any encoder."""
REPRODUCIBLE = {"fflags": "+bitexact"}
"""Muxer options that omit dates, random ids and library versions, so that files are reproducible."""
MIN_RATE, MAX_RATE = Fraction(1), Fraction(200)
"""Limits of the frame rate given to encoders. Faster frames would share a millisecond in Matroska."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderSpec:
    """All settings that determine the bytes of a segment, apart from its frames.

    Attributes:
        codec, options: FFmpeg's encoder and its private options.
        frame_size: width and height to which frames are resized.
        width, height: size of the encoded frame: `frame_size`, or one more where the encoder requires even numbers.
        pix_fmt: FFmpeg's pixel format.
        rate: nominal frames per second for the encoder; see `encoder_rate`.
        sample_aspect: width of a pixel over its height.
        tags: colour tags.
        threads: number of encoder threads; it changes the bytes.
    """

    codec: str
    options: tuple[tuple[str, str], ...]
    frame_size: tuple[int, int]
    width: int
    height: int
    pix_fmt: str
    rate: Fraction
    sample_aspect: Fraction
    tags: ColorTags
    threads: int


def encoder_rate(rate: Fraction | None) -> Fraction:
    """The frame rate nearest to the nominal one that every encoder accepts."""
    return min(max(rate or FALLBACK_RATE, MIN_RATE), MAX_RATE).limit_denominator(1001)


class SegmentEncoder:
    """Encodes frames into one segment file."""

    def __init__(self, folder: Path, number: int, first: int, spec: EncoderSpec) -> None:
        """Args: number: index of the segment; first: number of its first frame in the output."""
        self._final = folder / f"segment_{number:06d}.mkv"
        self._draft = folder / f"segment_{number:06d}.draft"
        self._first = first
        self._spec = spec
        self._from_rgb = FromRgb(spec.tags, spec.pix_fmt)
        self._pts = array("q")
        self._coded: list[int] = []
        self._file = SegmentFile(self._draft)
        self._container = av.open(self._file, "w", format="matroska", options=REPRODUCIBLE)
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
        """Close the encoder, sync and rename the file, and add the segment to the manifest."""
        self._mux(self._stream.encode(None))
        self._container.close()
        self._file.finish()
        self._draft.replace(self._final)
        sync_folder(self._final.parent)
        segment = Segment(name=self._final.name, first=self._first, pts=self._pts, delay=reorder_delay(self._coded))
        append_manifest(self._final.parent, segment)
        return segment

    def discard(self) -> None:
        """Close and remove the open segment."""
        self._file.discard()
        self._draft.unlink(missing_ok=True)

    def _mux(self, packets: Sequence[av.Packet]) -> None:
        for packet in packets:
            assert packet.pts is not None and packet.time_base is not None
            self._coded.append(round(packet.pts * packet.time_base * self._spec.rate))
            self._container.mux(with_new_dts(packet, len(self._coded)))
        self._file.check()


def _video_stream(container: av.container.OutputContainer, spec: EncoderSpec) -> av.VideoStream:
    stream = container.add_stream(spec.codec, rate=spec.rate, options=dict(spec.options))
    assert isinstance(stream, av.VideoStream)
    context = stream.codec_context
    context.width, context.height, context.pix_fmt = spec.width, spec.height, spec.pix_fmt
    context.time_base = 1 / spec.rate
    context.sample_aspect_ratio = spec.sample_aspect
    context.color_primaries, context.color_trc = spec.tags.primaries, spec.tags.trc
    context.colorspace, context.color_range = spec.tags.matrix, 2 if spec.tags.full_range else 1
    # Frame threads where the encoder has them: x264's slice threads are slower and make larger files.
    context.thread_count, context.thread_type = spec.threads, "AUTO"
    with thread_priority_kept():
        context.open(strict=False)
    return stream


def check_encoder(spec: EncoderSpec, container: Container, path: str) -> None:
    """Encode and mux one black frame in memory, so that wrong settings are reported before any work.

    Raises:
        StageError: the encoder does not work on this machine or with these settings, or the container cannot hold its
            video.
    """
    # SVT-AV1 prints its settings to the terminal unless this variable is 0.
    os.environ.setdefault("SVT_LOG", "0")
    black_HW3 = np.zeros((spec.height, spec.width, 3), np.uint8)
    frame = FromRgb(spec.tags, spec.pix_fmt)(black_HW3)
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
    """The packet with a DTS by its index in coded order: libx265 writes wrong ones for videos of one or two frames.

    Args:
        count: packets so far, this one included.
    """
    assert packet.time_base is not None
    frame = 1 / (packet.time_base * (packet.stream.average_rate or FALLBACK_RATE))
    packet.dts = round((count - 1 - LONGEST_DELAY) * frame)
    return packet


def resized_for_encoder(rgb_HW3: U8, spec: EncoderSpec) -> U8:
    """The frame in the encoder's size: resized to `frame_size`, then padded with its last column and row."""
    rgb_HW3 = resize_to(rgb_HW3, spec.frame_size)
    right, below = spec.width - rgb_HW3.shape[1], spec.height - rgb_HW3.shape[0]
    return np.pad(rgb_HW3, ((0, below), (0, right), (0, 0)), mode="edge") if right or below else rgb_HW3


def read_packets(path: Path, rate: Fraction, *, start_codes: bool = False) -> Iterator[tuple[av.Packet, int]]:
    """Packets of a segment in coded order, each with its frame number in the segment.

    Args:
        start_codes: convert H.264 and HEVC to ISO/IEC 14496-10 Annex B, which AVI requires.
    """
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        name = START_CODE_FILTERS.get(stream.codec_context.codec.canonical_name) if start_codes else None
        bitstream_filter = BitStreamFilterContext(name, in_stream=stream) if name else None
        for packet in container.demux(stream):
            if packet.size:
                assert packet.pts is not None and packet.time_base is not None
                number = round(packet.pts * packet.time_base * rate)
                for converted in bitstream_filter.filter(packet) if bitstream_filter else (packet,):
                    yield converted, number
