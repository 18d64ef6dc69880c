"""Presentation and decode times: repaired on the way in, given on the way out. Pure functions on integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

FALLBACK_RATE = Fraction(25)
"""Frames a second where a container says nothing; FFmpeg's own assumption for raw streams."""

MP4_MIN_TIMESCALE = 10_000
MAX_TIMESCALE = 2**31 - 1


def nominal_ticks(rate: Fraction | None, time_base: Fraction) -> Fraction:
    """Exact length of one frame in ticks of `time_base` at `rate` frames a second."""
    return 1 / ((rate or FALLBACK_RATE) * time_base)


class PtsRepair:
    """Makes the PTS of frames in decode order strictly increasing and counts what it had to change.

    A missing, repeated or backward PTS becomes the previous one plus the nominal duration. Runs of repaired frames
    accumulate the exact duration, so that rounding to ticks does not drift.
    """

    def __init__(self, nominal: Fraction) -> None:
        """Args: nominal: length of a frame in ticks, need not be whole."""
        self._nominal = nominal
        self._exact: Fraction | None = None
        self._last: int | None = None
        self.repaired = 0

    def __call__(self, pts: int | None) -> int:
        """The PTS to use for the next frame, in the same ticks."""
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
    """Turns source ticks into output ticks: `round((ticks·source + shift)/output)`, in seconds inside."""

    source: Fraction
    output: Fraction
    shift: Fraction = Fraction(0)

    def __call__(self, ticks: int) -> int:
        """Output ticks of a source time."""
        return round((ticks * self.source + self.shift) / self.output)


def output_time_base(source: Fraction, container: str) -> Fraction:
    """A tick for the output's video stream that holds every source PTS: exactly where the container allows it.

    Args:
        source: seconds per source tick.
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
    """The same times, each moved up by as little as it takes to be later than the one before."""
    result: list[int] = []
    for value in ticks:
        result.append(value if not result or value > result[-1] else result[-1] + 1)
    return result


def reorder_delay(display_rank: Sequence[int]) -> int:
    """How many frames a decoder must hold back: the least d with rank[i] ≥ i − d for frames in coded order.

    Args:
        display_rank: for each coded frame its position in display order.
    """
    return max((i - rank for i, rank in enumerate(display_rank)), default=0)


def coded_time(number: int, pts: Sequence[int], delay: int, step: int) -> int:
    """DTS of a frame: strictly increasing with `number` and never later than the frame's own PTS.

    Args:
        number: of the frame in coded order.
        pts: PTS of all frames in display order, strictly increasing.
        delay: `reorder_delay` of all frames.
        step: ticks between the DTS that lie before the first PTS.
    """
    return pts[number - delay] if number >= delay else pts[0] - (delay - number) * step


def durations(pts: Sequence[int], last: int) -> list[int]:
    """Ticks each frame is shown, in display order; `last` for the last one."""
    return [after - before for before, after in pairwise(pts)] + [max(last, 1)] * bool(pts)
