"""Times of an input that go into an output."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRange:
    """Which times of the input go into the output, and by how much they move. All in seconds."""

    start: Fraction | None = None
    end: Fraction | None = None
    shift: Fraction = Fraction(0)

    def holds(self, seconds: Fraction | None) -> bool:
        """True for times within the window; packets without a time are within."""
        return seconds is None or (
            (self.start is None or seconds >= self.start) and (self.end is None or seconds < self.end)
        )


def packet_seconds(packet: av.Packet) -> Fraction | None:
    """When a packet is shown or heard, on its file's clock; None where nothing says it."""
    ticks = packet.pts if packet.pts is not None else packet.dts
    return None if ticks is None or packet.time_base is None else ticks * packet.time_base
