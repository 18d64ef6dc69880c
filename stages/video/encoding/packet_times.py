"""Time range of the input that is written to the output, and times of packets."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRange:
    """Times of the input to copy to the output, and their shift. All in seconds."""

    start: Fraction | None = None
    end: Fraction | None = None
    shift: Fraction = Fraction(0)

    def contains(self, seconds: Fraction | None) -> bool:
        """True for times inside the range, and for packets without a time stamp."""
        return seconds is None or (
            (self.start is None or seconds >= self.start) and (self.end is None or seconds < self.end)
        )


def packet_seconds(packet: av.Packet) -> Fraction | None:
    """Presentation time of a packet on its file's clock, in seconds; None without a time stamp."""
    ticks = packet.pts if packet.pts is not None else packet.dts
    return None if ticks is None or packet.time_base is None else ticks * packet.time_base
