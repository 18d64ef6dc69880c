"""Trimming of copied audio: packets that an edit list hides, and packets before the start of the output."""

from __future__ import annotations

from fractions import Fraction

import av
import av.video.stream
from av.stream import Stream

from stages.video.decoding.continuous_clock import continuous_packets
from stages.video.decoding.demuxing import open_container
from stages.video.encoding.audio_encoder import MIN_SILENCE_S
from stages.video.encoding.packet_times import TimeRange, packet_seconds

PRIMING_S = Fraction(1, 8)
"""Maximum priming: encoders insert so much inaudible audio at the start, which decoders need."""

ROUNDING_S = Fraction(1, 250)
"""Time stamps are rounded, to milliseconds in Matroska; a shorter gap than this is ignored."""


class AudioTrimmer:
    """Takes the packets of one audio stream in order, and returns those to copy to the output.

    Priming is kept, so that an uncut stream is copied bit for bit. Audio that a cut hides is dropped. Audio before the
    start of the output is dropped where the container has no negative times, because it would be played too late.
    """

    def __init__(self, shift: Fraction, *, negative_times: bool) -> None:
        """Args:
        shift: seconds by which times move from input to output.
        negative_times: whether the container allows times before 0.
        """
        self._shift = shift
        self._negative_times = negative_times
        self._hidden: list[av.Packet] = []
        self._primed = False
        self._started = False
        self._last: tuple[int, int] | None = None
        self.repaired = 0

    def __call__(self, packet: av.Packet) -> list[av.Packet]:
        """The packets to copy now, with increasing time stamps."""
        if packet.is_discard:
            if not self._started:
                self._hidden.append(packet)
            return []
        if self._started:
            audible = [packet]
        else:
            self._started = True
            audible = [*self._priming(packet), packet]
        return [self._in_order(one) for one in audible if not self._is_early(one)]

    def _priming(self, first: av.Packet) -> list[av.Packet]:
        """The hidden packets that prime the decoder for the first audible one."""
        begin, hidden = packet_seconds(first), self._hidden
        self._hidden = []
        if begin is None or not hidden:
            self._primed = first.has_sidedata("skip_samples")
            return hidden
        leads = [begin - (packet_seconds(packet) or Fraction(0)) for packet in hidden]
        self._primed = max(leads) <= PRIMING_S
        if self._primed:
            return hidden
        near = [packet for packet, lead in zip(hidden, leads, strict=True) if lead <= PRIMING_S]
        return near if self._negative_times and begin + self._shift <= 0 else []

    def _is_early(self, packet: av.Packet) -> bool:
        """Whether more than half of a packet lies before the output's start, in a container without negative times."""
        seconds = packet_seconds(packet)
        if self._negative_times or seconds is None:
            return False
        begin = seconds + self._shift
        if self._primed and begin >= -PRIMING_S:
            return False
        return begin + Fraction(packet.duration or 0) * packet.time_base / 2 < 0

    def _in_order(self, packet: av.Packet) -> av.Packet:
        """The packet, moved behind the previous one where its DTS decreases: muxers reject that."""
        dts = packet.dts if packet.dts is not None else packet.pts
        if dts is None:
            return packet
        if self._last is not None and dts < self._last[0]:
            self.repaired += 1
            packet.pts = packet.dts = dts = self._last[0] + self._last[1]
        self._last = dts, max(packet.duration or 0, 1)
        return packet


def has_audio_gaps(
    path: str, video: av.video.stream.VideoStream, stream: Stream, time_range: TimeRange
) -> bool:
    """True when audio without time stamps would drift noticeably: it starts late, or has gaps.

    Args: video, stream: of another open file of the same content.
    """
    due, early = -time_range.shift, Fraction(0)
    with open_container(path) as source:
        clock_video = source.streams[video.index]
        assert isinstance(clock_video, av.video.stream.VideoStream)
        for packet in continuous_packets(source, clock_video, source.streams[stream.index]):
            seconds = packet_seconds(packet)
            if not packet.size or packet.is_discard or seconds is None or not time_range.contains(seconds):
                continue
            early += seconds - due if seconds - due > ROUNDING_S else 0
            if early >= MIN_SILENCE_S:
                return True
            due = seconds + Fraction(packet.duration or 0) * packet.time_base
    return False
