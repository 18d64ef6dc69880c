"""Concatenation of segments and muxing of the final file: packets are copied and get their true time stamps."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.container

from models.time_steps import nominal_ticks
from pipeline.stage import StageError
from stages.payloads import VideoInfo
from stages.video.decoding.demuxing import open_container
from stages.video.decoding.timestamps import (
    MAX_TIMESCALE,
    TickMap,
    coded_time,
    durations,
    output_time_base,
    strictly_increasing,
)
from stages.video.encoding.audio_subtitles_metadata import side_streams_of
from stages.video.encoding.containers import Container
from stages.video.encoding.packet_times import TimeRange
from stages.video.encoding.segment_encoder import REPRODUCIBLE, EncoderSpec, read_packets
from stages.video.encoding.segment_manifest import Segment

LATEST_START_S = 10
"""A recording whose clock starts later is shifted to 0; an earlier start is kept."""
ALPHA_FORMATS = frozenset({"yuva420p"})
"""Pixel formats with alpha, which WebM declares in the track's metadata for players."""
PROFILE_TAG_ENCODERS = frozenset({"prores_ks", "prores", "prores_aw"})
"""Encoders whose profile (422 HQ, 4444 …) is in MOV's codec tag."""

PROVENANCE_BEGINS = '{"program": "'
"""How the provenance of any version begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcatenatedVideo:
    """The result of a concatenation: number of frames, `audio` for the report, and warnings."""

    frames: int
    audio: str
    warnings: list[str]


def time_shift(video: VideoInfo, first_pts: int, container: Container, rate: Fraction) -> Fraction:
    """Seconds to add to the input's times for the output.

    A run with `start` begins at 0; negative times are not allowed in files; with a clock that starts late players
    would wait. Without time stamps, the first frame would be repeated until its time: such a file begins with whatever
    of the input begins first, so that video waits for sound at most. In all other cases the shift is 0.
    """
    if video.cut_start is not None:
        return -video.cut_start
    first = first_pts * video.time_base
    if container.constant_rate:
        return int((first - _beginning(video, first)) * rate) / rate - first
    return -first if first < 0 or first > LATEST_START_S else Fraction(0)


def _beginning(video: VideoInfo, first: Fraction) -> Fraction:
    """When sound or video of the input begins, whichever is earlier, in seconds of the input's clock."""
    if video.still or not video.path:
        return first
    try:
        with open_container(video.path) as source:
            known = [(one.start_time, one.time_base) for one in source.streams.audio]
            return min([first, *(ticks * tick for ticks, tick in known if ticks is not None and tick is not None)])
    except StageError:
        return first


def concatenate_segments(
    folder: Path,
    segments: Sequence[Segment],
    spec: EncoderSpec,
    video: VideoInfo,
    container: Container,
    draft: Path,
    *,
    until: Fraction | None = None,
    provenance: str = "",
) -> ConcatenatedVideo:
    """Write all segments and the input's side streams into one file.

    Args:
        folder: of the segments.
        draft: the file to write.
        until: end of audio and subtitles, in seconds of the input's clock; None = the input's end.
        provenance: what the file states about its making.
    """
    source_pts = [pts for segment in segments for pts in segment.pts]
    rate = max(video.rate or spec.rate, spec.rate).limit_denominator(1001)  # `spec.rate` is 200 at most
    shift = time_shift(video, source_pts[0], container, rate)
    tick = output_time_base(video.time_base, container.name) if not container.constant_rate else 1 / rate
    pts = strictly_increasing([TickMap(source=video.time_base, output=tick, shift=shift)(p) for p in source_pts])
    ends = [end for end in (video.cut_end, until) if end is not None]
    time_range = TimeRange(start=video.cut_start, end=min(ends) if ends else None, shift=shift)
    side_streams = side_streams_of(video, container, time_range)
    try:
        with _output(draft, container, tick, side_streams.sample_rates()) as output:
            stream = _add_video(output, folder / segments[0].name, spec, tick)
            side_streams.add_to(output)
            _state_provenance(output, container, provenance)
            packets = (item for segment in segments for item in _packets(folder, segment, spec, container))
            frames = _timed(packets, segments, video, pts, tick, stream)
            rejected = _write(output, stream, heapq.merge(frames, side_streams.packets(), key=lambda item: item[0]))
        side_streams.check_metadata(draft)
        warnings = _shift_warnings(shift, video) + side_streams.warnings + rejected
        return ConcatenatedVideo(frames=len(pts), audio=side_streams.audio, warnings=warnings)
    finally:
        side_streams.close()


def _write(
    output: av.container.OutputContainer, video: av.VideoStream, packets: Iterator[tuple[Fraction, av.Packet]]
) -> list[str]:
    """Mux all packets. Damaged packets of side streams that the muxer rejects are dropped with a warning."""
    rejected = 0
    for _, packet in packets:
        try:
            output.mux(packet)
        except (av.InvalidDataError, av.ArgumentError):
            if packet.stream_index == video.index:
                raise
            rejected += 1
    return [f"damaged packets of audio or subtitles were left out: {rejected}"] if rejected else []


def _shift_warnings(shift: Fraction, video: VideoInfo) -> list[str]:
    if -LATEST_START_S <= shift <= 0 or video.cut_start is not None:
        return []
    return [f"the input's clock starts at {float(-shift):.3f} s; the output starts at 0"]


def _state_provenance(output: av.container.OutputContainer, container: Container, provenance: str) -> None:
    """Add the provenance to the metadata; a comment stays, unless it is the provenance of the input."""
    present = output.metadata.get(container.provenance_key, "")
    if provenance and (not present or present.startswith(PROVENANCE_BEGINS)):
        output.metadata[container.provenance_key] = provenance


def _output(
    draft: Path, container: Container, tick: Fraction, sample_rates: Sequence[int]
) -> av.container.OutputContainer:
    options = dict(REPRODUCIBLE)
    if container.name in ("mp4", "mov"):
        scale = tick.denominator
        # Edit lists use the movie's time scale: a common multiple represents video frames and audio samples exactly.
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
        if spec.codec in PROFILE_TAG_ENCODERS and output.format.name in ("mov", "mp4"):
            stream.codec_context.codec_tag = coded.codec_context.codec_tag
    stream.time_base = tick
    stream.codec_context.sample_aspect_ratio = spec.sample_aspect
    if spec.pix_fmt in ALPHA_FORMATS:
        stream.metadata["alpha_mode"] = "1"
    return stream


def _packets(
    folder: Path, segment: Segment, spec: EncoderSpec, container: Container
) -> Iterator[tuple[av.Packet, int]]:
    """Packets of a segment, each with its frame number in the output."""
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
    """(seconds, packet) of all frames in coded order, with true time stamps."""
    step = max(round(nominal_ticks(video.rate, tick)), 1)
    shown = durations(pts, step)
    delay = max(segment.delay for segment in segments)
    for coded, (packet, frame) in enumerate(packets):
        dts = coded_time(coded, pts, delay, step)
        packet.stream, packet.time_base = stream, tick
        packet.pts, packet.dts, packet.duration = pts[frame], dts, shown[frame]
        yield dts * tick, packet
