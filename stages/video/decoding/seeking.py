"""Frame-accurate seeking: decode from a key frame before the start, and count the skipped frames by their packets."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, pairwise

import av
import av.container
import av.video.stream

from stages.video.decoding.demuxing import open_container, packets_of
from stages.video.decoding.error_resilient_decoder import ErrorResilientDecoder, video_decoder

INDEXED_FORMATS = frozenset({"mov", "matroska", "webm"})
"""Containers with an index of key frames and their times."""
ONE_FRAME_A_PACKET = frozenset(
    {"h264", "hevc", "vvc", "vp9", "av1", "mpeg2video", "mjpeg", "prores", "dnxhd", "dvvideo", "ffv1", "png"}
)
"""Codecs with one shown frame per packet, as a rule; other codecs have packets without one."""
SEEK_FROM_S = 10
SEEK_MARGIN_S = 2
"""A run with a start later than SEEK_FROM_S seeks to a key frame at least SEEK_MARGIN_S before it."""
NEIGHBOURS = 3
"""Frames before the start that are yielded too: deinterlacing reads them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeekResult:
    """Frames from shortly before the start on.

    Attributes:
        number: of the first frame among all shown frames of the video, from 0.
        frames: in order; iterate once.
    """

    number: int
    frames: Iterator[av.VideoFrame]


def can_seek_accurately(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> bool:
    """Whether a file has an index of key frames, and packets that can be counted instead of frames."""
    indexed = set(container.format.name.split(",")) & INDEXED_FORMATS
    return bool(indexed) and stream.codec_context.codec.canonical_name in ONE_FRAME_A_PACKET


def seek_accurately(
    reader: ErrorResilientDecoder, path: str, stream: av.video.stream.VideoStream, seconds: Fraction
) -> SeekResult | None:
    """Seek to `seconds` of the file's clock; None if the packets do not reveal the numbers of the frames.

    After None the position of the reader is undefined.
    """
    assert stream.time_base is not None
    wanted = seconds / stream.time_base
    reader.seek(seconds - SEEK_MARGIN_S)
    frames = iter(reader)
    before: list[int] = []
    neighbours: deque[av.VideoFrame] = deque(maxlen=NEIGHBOURS)
    for frame in frames:
        if frame.pts is None:
            return None
        if frame.pts >= wanted:
            break
        # Frames before the start may lack references after a seek: that is no damage.
        reader.clear_damage()
        before.append(frame.pts)
        neighbours.append(frame)
    else:  # the video ends before the start, or cannot be read from there
        return SeekResult(number=0, frames=iter(neighbours)) if before else None
    times = shown_times(path, stream.index, frame.pts)
    if not before or times is None or times[-len(before) :] != before:
        return None
    reader.count_from(len(times) + 1)
    return SeekResult(number=len(times) - len(neighbours), frames=chain(neighbours, [frame], frames))


def shown_times(path: str, stream: int, until: int) -> list[int] | None:
    """PTS of the shown frames before `until`, in order, read from the packets of a stream.

    Frames before the first one that decodes are not shown: a cut removed their references. Frames that an edit list
    hides before the video are not shown either. None where packets do not suffice: a PTS is missing or occurs twice,
    or an edit list hides frames in the middle.
    """
    first: int | None = None
    least: int | None = None
    times: list[int] = []
    with open_container(path) as container:
        video = container.streams[stream]
        assert isinstance(video, av.video.stream.VideoStream)
        decoder = video_decoder(video)
        for packet in _packets(container, video):
            if packet.dts is not None and packet.dts > until:
                break
            if packet.is_corrupt or packet.pts is None:
                return None
            if first is None:
                first = _first_time(decoder, packet)
            if packet.pts >= until:
                continue
            if packet.is_discard and least is not None and packet.pts > least:
                return None
            if not packet.is_discard:
                times.append(packet.pts)
                least = packet.pts if least is None else min(least, packet.pts)
    if first is None:
        return None
    shown = sorted(time for time in times if time >= first)
    return None if any(a == b for a, b in pairwise(shown)) else shown


def _packets(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream
) -> Iterator[av.Packet[av.video.stream.VideoStream]]:
    """Packets that are not empty, up to the first read error."""
    try:
        yield from (packet for packet in packets_of(container, stream) if packet.size)
    except av.FFmpegError:
        return


def _first_time(decoder: av.VideoCodecContext, packet: av.Packet[av.video.stream.VideoStream]) -> int | None:
    """PTS of the first frame that the decoder yields for a packet; None without a frame."""
    try:
        return next((frame.pts for frame in decoder.decode(packet)), None)
    except av.FFmpegError:
        return None
