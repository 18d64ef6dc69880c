"""Which packets of a sound stream are heard: an edit list hides some, others lie before the output begins."""

from __future__ import annotations

from fractions import Fraction

import av
from av.stream import Stream

from stages.video.decoding.demuxing import open_container, packets_of
from stages.video.encoding.audio_encoder import SILENT_FROM_S
from stages.video.encoding.packet_times import TimeRange, packet_seconds

PRIMING_S = Fraction(1, 8)
"""Encoders put up to so much sound, which is not heard, before the first that is; decoders want it as far back."""

ROUNDED_S = Fraction(1, 250)
"""Times of packets are rounded, to milliseconds in Matroska; what is shorter than this is no hole."""


class AudioTrimmer:
    """Packets of one sound stream in order in, those that the output takes out.

    What primes a decoder stays, so that a stream that nobody cut is copied bit for bit. Sound that a cut hides is left
    out, as is sound before the output's beginning where a container cannot tell such times: it would be heard late.
    """

    def __init__(self, shift: Fraction, *, negative_times: bool) -> None:
        """Args:
        shift: seconds by which times move from input to output.
        negative_times: whether the container can tell times before its beginning.
        """
        self._shift = shift
        self._negative_times = negative_times
        self._hidden: list[av.Packet] = []
        self._primes = False
        self._begun = False
        self._last: tuple[int, int] | None = None
        self.repaired = 0

    def __call__(self, packet: av.Packet) -> list[av.Packet]:
        """The packets that go on now, with rising times."""
        if packet.is_discard:
            if not self._begun:
                self._hidden.append(packet)
            return []
        if self._begun:
            heard = [packet]
        else:
            self._begun = True
            heard = [*self._before(packet), packet]
        return [self._in_order(one) for one in heard if not self._is_early(one)]

    def _before(self, first: av.Packet) -> list[av.Packet]:
        """Of the hidden packets those that prime the decoder for the first one that is heard."""
        begin, hidden = packet_seconds(first), self._hidden
        self._hidden = []
        if begin is None or not hidden:
            self._primes = first.has_sidedata("skip_samples")
            return hidden
        leads = [begin - (packet_seconds(packet) or Fraction(0)) for packet in hidden]
        self._primes = max(leads) <= PRIMING_S
        if self._primes:
            return hidden
        near = [packet for packet, lead in zip(hidden, leads, strict=True) if lead <= PRIMING_S]
        return near if self._negative_times and begin + self._shift <= 0 else []

    def _is_early(self, packet: av.Packet) -> bool:
        """Whether more than half of a packet lies before the output's beginning, and cannot be told to."""
        seconds = packet_seconds(packet)
        if self._negative_times or seconds is None:
            return False
        begin = seconds + self._shift
        if self._primes and begin >= -PRIMING_S:
            return False
        return begin + Fraction(packet.duration or 0) * packet.time_base / 2 < 0

    def _in_order(self, packet: av.Packet) -> av.Packet:
        """The packet, after the one before where its own time would fall behind it: muxers refuse such times."""
        dts = packet.dts if packet.dts is not None else packet.pts
        if dts is None:
            return packet
        if self._last is not None and dts < self._last[0]:
            self.repaired += 1
            packet.pts = packet.dts = dts = self._last[0] + self._last[1]
        self._last = dts, max(packet.duration or 0, 1)
        return packet


def has_audio_gaps(path: str, stream: Stream, window: TimeRange) -> bool:
    """True when sound that has no times would be clearly early: it begins late, or pieces of it are missing."""
    due, early = -window.shift, Fraction(0)
    with open_container(path) as source:
        for packet in packets_of(source, source.streams[stream.index]):
            seconds = packet_seconds(packet)
            if not packet.size or packet.is_discard or seconds is None or not window.holds(seconds):
                continue
            early += seconds - due if seconds - due > ROUNDED_S else 0
            if early >= SILENT_FROM_S:
                return True
            due = seconds + Fraction(packet.duration or 0) * packet.time_base
    return False
