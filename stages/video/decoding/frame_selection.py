"""Which frames of an input are processed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameSelection:
    """start ≤ seconds from the beginning < end, of those each n-th, and of those first_frame ≤ number < end_frame."""

    start: Fraction | None = None
    end: Fraction | None = None
    every: int = 1
    first_frame: int = 0
    end_frame: int | None = None

    def passes_over(self, number: int) -> bool:
        """Whether a chosen frame comes before those that are wanted: it is read, since the first one says what the
        video is, and not converted."""
        return number < self.first_frame

    def ends_before(self, number: int) -> bool:
        """Whether a chosen frame, and all after it, come too late."""
        return self.end_frame is not None and number >= self.end_frame

    def choose(self, timed: Iterator[tuple[Fraction, Item]]) -> Iterator[Item]:
        """The items that are wanted; stops asking at `end`.

        Args:
            timed: (seconds from the beginning, item), in order.
        """
        number = 0
        for seconds, item in timed:
            if self.end is not None and seconds >= self.end:
                return
            if self.start is not None and seconds < self.start:
                continue
            if number % self.every == 0:
                yield item
            number += 1

    def expected(self, frames: int, seconds: Fraction | None, rate: Fraction | None) -> int | None:
        """How many frames that will be, as far as it can be known beforehand; for progress only.

        Args:
            frames: in the whole input, 0 when unknown.
            seconds: length of the whole input.
            rate: frames a second.
        """
        if (self.start is not None or self.end is not None) and seconds and rate:
            end = min(seconds, self.end) if self.end is not None else seconds
            frames = round(max(end - (self.start or 0), Fraction(0)) * rate)
        return -(-frames // self.every) or None
