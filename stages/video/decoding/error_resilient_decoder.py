"""Error-resilient decoding: yields every frame that decodes, and reports where a file is damaged or cut short."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import av.container
import av.video.stream

from models.files.image_size import max_pixels
from stages.video.decoding.continuous_clock import clock_of, has_jumps, shift_video
from stages.video.decoding.demuxing import packets_of, stated_packets, stream_seconds
from stages.video.decoding.paths_and_urls import is_url
from stages.video.decoding.truncated_files import missing_bytes

MAX_FAILED_PACKETS = 2000
"""After this many consecutive packets without a frame the rest of the file is abandoned."""
BEFORE_JOIN = 2
"""Where two recordings are joined, FFmpeg may call this many of the last packets before the join incomplete, because
the packet counters of the second recording follow."""
ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Decoders with alpha: FFmpeg's native decoders of these codecs drop the alpha channel of WebM."""
LATEST_S = Fraction(10**9)
"""Latest time that is passed to FFmpeg's seek, seconds: no video is longer, and much larger numbers exceed 64 bits."""
UNALIGNED = 1
"""FFmpeg's flag `unaligned`: without it, decoders crop fewer columns on the left than the file states, to begin rows at
multiples of 64 bytes, and columns that should be hidden are visible."""


def video_decoder(
    stream: av.video.stream.VideoStream, slice_threads: int = 1, frame_threads: int = 0
) -> av.VideoCodecContext:
    """A decoder for the stream; one that decodes alpha where the stream declares it.

    Args:
        slice_threads: threads for the slices of one frame.
        frame_threads: frames decoded in parallel; 0 = one at a time, which loses no frames of a damaged file.
    """
    context: av.VideoCodecContext = stream.codec_context
    other = ALPHA_DECODERS.get(context.codec.canonical_name)
    if stream.metadata.get("alpha_mode") == "1" and other in av.codecs_available:
        decoder = av.VideoCodecContext.create(other, "r")
        assert isinstance(decoder, av.VideoCodecContext)
        context = decoder
        context.extradata = stream.codec_context.extradata
    context.options = {"max_pixels": str(max_pixels())}  # the frame size may change within a stream
    context.flags |= UNALIGNED
    context.thread_type = "FRAME" if frame_threads else "SLICE"
    context.thread_count = frame_threads or slice_threads
    return context


class DamageReport:
    """What is wrong with a file, and where the damage begins."""

    def __init__(self) -> None:
        self.errors = 0
        self.reason = ""
        self.seconds: float | None = None
        self.frame = 0

    def note(self, reason: str, seconds: float | None, frame: int) -> None:
        """Count an error; the first one is kept with its position."""
        if not self.errors:
            self.reason, self.seconds, self.frame = reason, seconds, frame
        self.errors += 1

    def message(self) -> str:
        """A warning that states where the damage begins and what it is."""
        time = f"at {self.seconds:.3f} s, " if self.seconds is not None else ""
        return f"the file is damaged or cut short {time}after frame {self.frame}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Suspect:
    """A packet that FFmpeg calls incomplete: its number, and the time and number of the last frame before it."""

    packet: int
    seconds: float | None
    frame: int


class ErrorResilientDecoder:
    """Yields frames of one stream in the order of the decoder; records errors in `damage` instead of raising them."""

    def __init__(
        self, container: av.container.InputContainer, stream: av.video.stream.VideoStream, decoder: av.VideoCodecContext
    ) -> None:
        self.damage = DamageReport()
        self.frames = 0
        self.resized = False
        self.exhausted = False
        self._seeked = False
        self._container = container
        self._stream = stream
        self._decoder = decoder
        self._size: tuple[int, int] | None = None
        self._packets = 0
        self._stated_packets = stated_packets(container, stream)
        self._clock = clock_of(stream) if has_jumps(container) else None
        self._suspects: deque[Suspect] = deque()
        self._begin: Fraction | None = None
        self._end = Fraction(0)
        self.seconds: float | None = None

    def seek(self, seconds: Fraction) -> None:
        """Seek to the last key frame at or before `seconds` of the file's clock; undefined position on failure."""
        self._seeked = True
        try:
            self._container.seek(int(min(seconds, LATEST_S) * av.time_base))
        except av.FFmpegError:
            return
        self._decoder.flush_buffers()

    def clear_damage(self) -> None:
        """Discard the errors recorded so far; they belong to frames that are not used."""
        self.damage = DamageReport()

    def count_from(self, frames: int) -> None:
        """Set the number of frames from the start of the file up to the last yielded one, after a seek."""
        self.damage.frame += frames - self.frames
        self.frames = frames

    def __iter__(self) -> Iterator[av.VideoFrame]:
        failed = 0
        for packet in self._demux():
            frames = self._decode(packet)
            failed = 0 if frames or not self.damage.errors else failed + 1
            if failed > MAX_FAILED_PACKETS:
                self.damage.note("no further packet decodes", self.seconds, self.frames)
                return
            for frame in frames:
                self._observe(frame)
                yield frame
        self.exhausted = True

    def _observe(self, frame: av.VideoFrame) -> None:
        self.frames += 1
        if frame.pts is not None and self._stream.time_base is not None:
            self.seconds = float(frame.pts * self._stream.time_base)
        size = (frame.width, frame.height)
        self.resized |= self._size not in (None, size)
        self._size = self._size or size
        if frame.is_corrupt:
            self.damage.note("a frame is damaged", self.seconds, self.frames)

    def check_complete(self, path: str) -> None:
        """To be called after the last frame: records damage if the file states more frames, bytes or seconds than it
        contains."""
        stated = self._stated_packets
        seconds = stream_seconds(self._stream) or self._duration_of_url(path)
        missing = missing_bytes(path)
        if self.damage.errors:
            return
        if stated and self._packets < stated and not self._seeked:
            self.damage.note(f"{self._packets} of {stated} frames exist", self.seconds, self.frames)
        elif missing:
            self.damage.note(f"its last {missing} bytes are missing", self.seconds, self.frames)
        elif not stated and self._end and seconds and self._is_short_of(seconds):
            self.damage.note(f"{float(self._length()):.1f} of {float(seconds):.1f} s exist", self.seconds, self.frames)

    def _is_short_of(self, seconds: Fraction) -> bool:
        """Whether the packets end clearly before a stated duration. False where the clock jumps: FFmpeg then states a
        wrong duration."""
        jumped = self._clock is not None and len(self._clock.shifts) > 1
        return not jumped and seconds - self._length() > max(Fraction(1, 2), seconds / 50)

    def _length(self) -> Fraction:
        """Seconds from the stream's beginning to the end of its last packet; if the first time is after 0, the length
        counts from 0."""
        return self._end - min(self._begin or Fraction(0), Fraction(0))

    def _duration_of_url(self, path: str) -> Fraction | None:
        """The duration that the container of a URL states, in seconds; for streams that state none themselves."""
        duration = self._container.duration if is_url(path) else None
        return Fraction(duration, av.time_base) if duration else None

    def _demux(self) -> Iterator[av.Packet]:
        """Packets of the stream, then an empty one that flushes the decoder, also after a read error."""
        try:
            for packet in packets_of(self._container, self._stream):
                if packet.size:
                    if self._clock is not None:
                        shift_video(packet, self._clock)
                    self._account(packet)
                yield packet
        except av.FFmpegError as error:
            self.damage.note(f"reading failed ({error.strerror})", self.seconds, self.frames)
            yield av.Packet()
        self._note_suspects(self._packets)

    def _account(self, packet: av.Packet) -> None:
        self._packets += 1
        ticks = packet.pts if packet.pts is not None else packet.dts
        if ticks is not None and packet.time_base:
            begin = ticks * packet.time_base
            self._begin = begin if self._begin is None else min(self._begin, begin)
            self._end = max(self._end, begin + (packet.duration or 0) * packet.time_base)
        self._judge_completeness(packet)

    def _judge_completeness(self, packet: av.Packet) -> None:
        """Note packets that FFmpeg calls incomplete, except the last ones before another recording begins."""
        if self._joins_here():
            self._suspects.clear()
        if packet.is_corrupt:
            self._suspects.append(Suspect(self._packets, self.seconds, self.frames))
        self._note_suspects(self._packets - BEFORE_JOIN)

    def _joins_here(self) -> bool:
        """Whether another recording begins with the last packet that was read."""
        return self._clock is not None and self._clock.begins_join

    def _note_suspects(self, until: int) -> None:
        while self._suspects and self._suspects[0].packet <= until:
            suspect = self._suspects.popleft()
            self.damage.note("a packet is incomplete", suspect.seconds, suspect.frame)

    def _decode(self, packet: av.Packet) -> list[av.VideoFrame]:
        flushed: list[av.VideoFrame] = []
        try:
            if packet.size and self._joins_here():  # each recording decodes as it would alone
                flushed = list(self._decoder.decode(None))
                self._decoder.flush_buffers()
            return flushed + list(self._decoder.decode(packet if packet.size else None))
        except av.FFmpegError as error:
            if not isinstance(error, EOFError):
                self.damage.note(f"a frame does not decode ({error.strerror})", self.seconds, self.frames)
            return flushed
