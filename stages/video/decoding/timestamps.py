"""Time stamps: repair of PTS when decoding, PTS and DTS when muxing. Pure functions on integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

MP4_MIN_TIMESCALE = 10_000
MAX_TIMESCALE = 2**31 - 1


class PtsRepair:
    """Makes the PTS of frames strictly increasing and counts the changes.

    A missing, repeated or backward PTS becomes the previous one plus the nominal duration. Consecutive repairs add up
    the exact duration, so that rounding to ticks does not drift.
    """

    def __init__(self, nominal: Fraction) -> None:
        """Args: nominal: duration of a frame in ticks, may be fractional."""
        self._nominal = nominal
        self._exact: Fraction | None = None
        self._last: int | None = None
        self.repaired = 0

    def __call__(self, pts: int | None) -> int:
        """The repaired PTS of the next frame, in the same ticks."""
        if self._last is None or self._exact is None:
            self.repaired += pts is None
            self._last = 0 if pts is None else pts
            self._exact = Fraction(self._last)
            return self._last
        if pts is not None and pts > self._last:
            self._exact = Fraction(pts)
            self._last = pts
            return pts
        self.repaired += 1
        self._exact += self._nominal
        self._last = max(round(self._exact), self._last + 1)
        return self._last


@dataclass(frozen=True, slots=True, kw_only=True)
class TickMap:
    """Converts source ticks to output ticks: `round((ticks·source + shift)/output)`. All fields are in seconds."""

    source: Fraction
    output: Fraction
    shift: Fraction = Fraction(0)

    def __call__(self, ticks: int) -> int:
        """Output ticks of source ticks."""
        return round((ticks * self.source + self.shift) / self.output)


def output_time_base(source: Fraction, container: str) -> Fraction:
    """The time base of the output's video stream. It represents every source PTS exactly if the container allows it.

    Args:
        source: the source's time base, seconds per tick.
        container: FFmpeg's name of the output format.
    """
    if container in ("matroska", "webm"):
        return Fraction(1, 1000)
    scale = source.denominator
    if scale > MAX_TIMESCALE:
        return Fraction(1, 90_000)
    while scale < MP4_MIN_TIMESCALE:
        scale *= 2
    return Fraction(1, scale)


def strictly_increasing(ticks: Sequence[int]) -> list[int]:
    """The same times, each increased as little as needed to be later than the one before."""
    result: list[int] = []
    for value in ticks:
        result.append(value if not result or value > result[-1] else result[-1] + 1)
    return result


def reorder_delay(display_rank: Sequence[int]) -> int:
    """The reorder delay of a decoder in frames: the least d with rank[i] ≥ i − d for frames in coded order.

    Args:
        display_rank: the position in display order of each frame in coded order.
    """
    return max((i - rank for i, rank in enumerate(display_rank)), default=0)


def coded_time(number: int, pts: Sequence[int], delay: int, step: int) -> int:
    """DTS of a frame: strictly increasing with `number`, and not later than the frame's PTS.

    Args:
        number: index of the frame in coded order.
        pts: PTS of all frames in display order, strictly increasing.
        delay: `reorder_delay` of all frames.
        step: ticks between the DTS before the first PTS.
    """
    return pts[number - delay] if number >= delay else pts[0] - (delay - number) * step


def durations(pts: Sequence[int], last: int) -> list[int]:
    """Duration of each frame in ticks, in display order; `last` for the last one."""
    return [after - before for before, after in pairwise(pts)] + [max(last, 1)] * bool(pts)
