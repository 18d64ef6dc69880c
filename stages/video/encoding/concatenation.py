"""From segments to the final file: packets only, nothing is encoded again; every frame gets its true time."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.container

from pipeline.stage import StageError
from stages.payloads import VideoInfo
from stages.video.decoding.timestamps import (
    MAX_TIMESCALE,
    TickMap,
    coded_time,
    durations,
    nominal_ticks,
    output_time_base,
    strictly_increasing,
)
from stages.video.encoding.audio_subtitles_metadata import side_streams_of
from stages.video.encoding.containers import Container
from stages.video.encoding.packet_times import TimeRange
from stages.video.encoding.segment_encoder import SAME_BYTES, EncoderSpec, read_packets
from stages.video.encoding.segment_manifest import Segment

LATEST_START_S = 10
"""A recording whose clock starts later than this is moved to 0; an earlier start is kept as it is."""
ALPHA_BESIDE = frozenset({"yuva420p"})
"""Formats whose alpha is a second picture beside each packet; WebM says so in the track's head for players."""
OWN_TAGS = frozenset({"prores_ks", "prores", "prores_aw"})
"""Encoders whose profile (422 HQ, 4444 …) players read from the four letters that MOV names the codec with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcatenatedVideo:
    """What became of a join: frames, `audio` for the report, and what could not be kept."""

    frames: int
    audio: str
    warnings: list[str]


def time_shift(video: VideoInfo, first_pts: int) -> Fraction:
    """Seconds by which all times move between input and output; 0 unless there is a reason.

    A run from `start` begins at 0 there; times before 0 do not exist in files; a clock that started
    long before the recording would make players wait.
    """
    if video.cut_start is not None:
        return -video.cut_start
    first = first_pts * video.time_base
    return -first if first < 0 or first > LATEST_START_S else Fraction(0)


def concatenate_segments(
    folder: Path,
    segments: Sequence[Segment],
    spec: EncoderSpec,
    video: VideoInfo,
    container: Container,
    draft: Path,
    *,
    until: Fraction | None = None,
) -> ConcatenatedVideo:
    """Write all segments, and what the input holds beside its video, into one file.

    Args:
        folder: where the segments are.
        draft: the file to write.
        until: seconds on the input's clock after which sound and subtitles are left out; None = the input's end.
    """
    source_pts = [pts for segment in segments for pts in segment.pts]
    shift = time_shift(video, source_pts[0])
    tick = output_time_base(video.time_base, container.name) if not container.constant_rate else 1 / spec.rate
    pts = strictly_increasing([TickMap(source=video.time_base, output=tick, shift=shift)(p) for p in source_pts])
    ends = [end for end in (video.cut_end, until) if end is not None]
    window = TimeRange(start=video.cut_start, end=min(ends) if ends else None, shift=shift)
    companions = side_streams_of(video, container, window)
    try:
        with _output(draft, container, tick, companions.sample_rates()) as output:
            stream = _add_video(output, folder / segments[0].name, spec, tick)
            companions.add_to(output)
            packets = (item for segment in segments for item in _packets(folder, segment, spec, container))
            frames = _timed(packets, segments, video, pts, tick, stream)
            refused = _write(output, stream, heapq.merge(frames, companions.packets(), key=lambda item: item[0]))
        companions.check_metadata(draft)
        said = _shift_said(shift, video) + companions.warnings + refused
        return ConcatenatedVideo(frames=len(pts), audio=companions.audio, warnings=said)
    finally:
        companions.close()


def _write(
    output: av.container.OutputContainer, video: av.VideoStream, packets: Iterator[tuple[Fraction, av.Packet]]
) -> list[str]:
    """Write all packets; damaged ones beside the video that the container refuses are left out, and that is said."""
    refused = 0
    for _, packet in packets:
        try:
            output.mux(packet)
        except (av.InvalidDataError, av.ArgumentError):
            if packet.stream_index == video.index:
                raise
            refused += 1
    return [f"damaged packets of sound or subtitles were left out: {refused}"] if refused else []


def _shift_said(shift: Fraction, video: VideoInfo) -> list[str]:
    if not shift or video.cut_start is not None:
        return []
    return [f"the input's clock starts at {float(-shift):.3f} s; the output starts at 0"]


def _output(
    draft: Path, container: Container, tick: Fraction, sample_rates: Sequence[int]
) -> av.container.OutputContainer:
    options = dict(SAME_BYTES)
    if container.name in ("mp4", "mov"):
        scale = tick.denominator
        # Edit lists count in the movie's own clock: one that tells frames and samples alike keeps both where they are.
        common = math.lcm(scale, *sample_rates)
        options |= {
            "movflags": "+faststart",
            "video_track_timescale": str(scale),
            "movie_timescale": str(common if common <= MAX_TIMESCALE else scale),
        }
    return av.open(str(draft), "w", format=container.name, options=options)


def _add_video(
    output: av.container.OutputContainer, segment: Path, spec: EncoderSpec, tick: Fraction
) -> av.VideoStream:
    with av.open(str(segment)) as template:
        coded = template.streams.video[0]
        stream = output.add_stream_from_template(coded, opaque=True)
        if spec.codec in OWN_TAGS and output.format.name in ("mov", "mp4"):
            stream.codec_context.codec_tag = coded.codec_context.codec_tag
    stream.time_base = tick
    stream.codec_context.sample_aspect_ratio = spec.sample_aspect
    if spec.pix_fmt in ALPHA_BESIDE:
        stream.metadata["alpha_mode"] = "1"
    return stream


def _packets(
    folder: Path, segment: Segment, spec: EncoderSpec, container: Container
) -> Iterator[tuple[av.Packet, int]]:
    """Packets of a segment with their frame numbers in the output."""
    count = 0
    path = folder / segment.name
    for packet, number in read_packets(path, spec.rate, start_codes=container.start_codes):
        count += 1
        yield packet, segment.first + number
    if count != len(segment.pts):
        raise StageError(f"holds {count} frames instead of {len(segment.pts)}", str(path), "run again")


def _timed(
    packets: Iterator[tuple[av.Packet, int]],
    segments: Sequence[Segment],
    video: VideoInfo,
    pts: Sequence[int],
    tick: Fraction,
    stream: av.VideoStream,
) -> Iterator[tuple[Fraction, av.Packet]]:
    """(seconds, packet) of all frames in coded order, with their true times."""
    step = max(round(nominal_ticks(video.rate, tick)), 1)
    shown = durations(pts, step)
    delay = max(segment.delay for segment in segments)
    for coded, (packet, frame) in enumerate(packets):
        dts = coded_time(coded, pts, delay, step)
        packet.stream, packet.time_base = stream, tick
        packet.pts, packet.dts, packet.duration = pts[frame], dts, shown[frame]
        yield dts * tick, packet
