"""One continuous clock for transport and program streams: where it wraps, and where recordings were joined.

Their 33-bit clock wraps every 26.5 hours, and `cat a.ts b.ts` is a valid file whose clock jumps. FFmpeg undoes one
wrap, and leaves all other jumps to programs. Here the video's packets decide where a part with another clock begins;
all streams of the file are shifted alike, so sound stays in step.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import av.container
import av.video.stream
from av.stream import Stream

from models.time_steps import nominal_ticks
from stages.video.decoding.demuxing import frame_rate, packets_of

BACKWARD_S, FORWARD_S = Fraction(1, 10), Fraction(10)
"""A DTS that is this much earlier or later than the one before begins a part with another clock; FFmpeg's programs use
the same limits. A shorter gap is a gap: packets were lost, or nothing was recorded."""
TS_DISCONT = 0x200
"""FFmpeg's flag of formats whose time stamps may jump (AVFMT_TS_DISCONT)."""
WRAP = 1 << 33
TICKS_PER_S = 90_000
"""The clock of MPEG-2 systems (ISO/IEC 13818-1, 2.4.3.6)."""
REORDERED = 32
"""More packets than the reorder delay of any codec."""
HOLD_PACKETS = 500
"""Packets of sound that wait for the video's jump before their own jump counts as damage."""


class ContinuousClock:
    """Shifts of the parts of a file, decided by its video packets in the order of the file. All times in seconds.

    Attributes:
        shifts: to add to the times of each part; a wrap begins a part, too.
        begins_join: whether the last packet begins a part with another clock; a wrap does not count.
    """

    def __init__(self, tick: Fraction, step: Fraction) -> None:
        """Args:
        tick: the video's time base, seconds.
        step: nominal duration of a frame, seconds.
        """
        self.shifts = [Fraction(0)]
        self.begins_join = False
        self._tick, self._step = tick, step
        self._dts: Fraction | None = None
        self._end = Fraction(0)
        self._shown: deque[Fraction] = deque(maxlen=REORDERED)

    def add(self, pts: int | None, dts: int | None, duration: int) -> Fraction:
        """The shift of the next video packet. Packets without DTS, and those before the first DTS, are not judged."""
        self.begins_join = False
        if dts is None:
            return self.shifts[-1]
        at = dts * self._tick
        if self._dts is not None and is_jump(at - self._dts):
            self._begin_part(at, None if pts is None else pts * self._tick, at - self._dts)
        self._dts = at
        step = duration * self._tick or self._step
        self._end = at + step + self.shifts[-1]
        if pts is not None:
            self._shown.append(pts * self._tick + step + self.shifts[-1])
        return self.shifts[-1]

    def _begin_part(self, dts: Fraction, pts: Fraction | None, jump: Fraction) -> None:
        wrap = WRAP * self._tick
        if self._tick == Fraction(1, TICKS_PER_S) and not is_jump(jump + wrap):
            self.shifts.append(self.shifts[-1] + wrap)
            return
        # Frames follow each other by their times of display: parts can have different delays of reordering.
        self.shifts.append(self._end - dts if pts is None or not self._shown else max(self._shown) - pts)
        self._shown.clear()
        self.begins_join = True


class FollowingStream:
    """Shifts of another stream's packets: each belongs to the part in which it continues the packets before it.

    Parts do not begin at the same byte in all streams, and sound may end before or after the video.
    """

    def __init__(self, clock: ContinuousClock) -> None:
        self._clock = clock
        self._part = 0
        self._end: Fraction | None = None

    def awaits_part(self, begin: Fraction) -> bool:
        """Whether a packet that begins then jumps, and the video has not jumped yet."""
        if self._end is None or self._part < len(self._clock.shifts) - 1:
            return False
        return is_jump(begin + self._clock.shifts[-1] - self._end)

    def add(self, begin: Fraction, duration: Fraction) -> Fraction | None:
        """The shift of the next packet; None for one that the end of the part before covers."""
        shifts = self._clock.shifts
        if self._end is None:
            self._part, self._end = len(shifts) - 1, begin + shifts[-1]
        gaps = {part: begin + shifts[part] - self._end for part in range(self._part, len(shifts))}
        following = [part for part, gap in gaps.items() if -duration / 2 <= gap <= FORWARD_S]
        part = following[0] if following else min(gaps, key=lambda one: abs(gaps[one]))
        if part > self._part and gaps[part] < -duration / 2:
            return None
        self._part, self._end = part, begin + shifts[part] + duration
        return shifts[part]


def is_jump(seconds: Fraction) -> bool:
    """Whether this distance between two packets means that the clock is another one."""
    return not -BACKWARD_S <= seconds <= FORWARD_S


def has_jumps(container: av.container.InputContainer) -> bool:
    """Whether the clock of a container's format may jump: transport and program streams, HLS."""
    return bool(container.format.flags & TS_DISCONT)


def clock_of(stream: av.video.stream.VideoStream) -> ContinuousClock:
    """A new clock for the packets of a video stream."""
    tick = Fraction(stream.time_base or Fraction(1, TICKS_PER_S))
    return ContinuousClock(tick, nominal_ticks(frame_rate(stream), tick) * tick)


def shift_video(packet: av.Packet[Any], clock: ContinuousClock) -> None:
    """Move the time stamps of a video packet to the continuous clock."""
    if packet.size:
        _move(packet, clock.add(packet.pts, packet.dts, packet.duration or 0))


def continuous_packets(
    container: av.container.InputContainer, video: av.video.stream.VideoStream, *streams: Stream
) -> Iterator[av.Packet[Any]]:
    """Packets of streams beside the video on one continuous clock, and an empty packet for each stream at its end.

    Args:
        video: decides where the clock jumps; its own packets are not among the result.
        streams: sound, subtitles and others of the same file.

    Raises av.FFmpegError where reading fails.
    """
    if not has_jumps(container):
        yield from packets_of(container, *streams)
        return
    clock = clock_of(video)
    sound = {stream.index: _Sound(clock) for stream in streams if stream.type == "audio"}
    for packet in packets_of(container, video, *streams):
        index = packet.stream_index
        if index == video.index:
            shift_video(packet, clock)
        elif index in sound:
            yield from sound[index].add(packet)
        else:
            _move(packet, clock.shifts[-1])
            yield packet


class _Sound:
    """Packets of one audio stream: those behind a jump wait until the video has jumped, too."""

    def __init__(self, clock: ContinuousClock) -> None:
        self._clock = clock
        self._following = FollowingStream(clock)
        self._held: deque[av.Packet[Any]] = deque()

    def add(self, packet: av.Packet[Any]) -> Iterator[av.Packet[Any]]:
        self._held.append(packet)
        over = not packet.size or len(self._held) > HOLD_PACKETS
        while self._held and (over or not self._waits(self._held[0])):
            first = self._held.popleft()
            begin = _begin(first)
            shift = Fraction(0) if begin is None else self._following.add(begin, _duration(first))
            if shift is not None:
                _move(first, shift)
                yield first

    def _waits(self, packet: av.Packet[Any]) -> bool:
        begin = _begin(packet)
        return begin is not None and self._following.awaits_part(begin)


def _begin(packet: av.Packet[Any]) -> Fraction | None:
    ticks = packet.dts if packet.dts is not None else packet.pts
    return None if ticks is None else ticks * packet.time_base


def _duration(packet: av.Packet[Any]) -> Fraction:
    return (packet.duration or 0) * packet.time_base


def _move(packet: av.Packet[Any], seconds: Fraction) -> None:
    ticks = round(seconds / packet.time_base)
    if ticks:
        packet.pts = None if packet.pts is None else packet.pts + ticks
        packet.dts = None if packet.dts is None else packet.dts + ticks
