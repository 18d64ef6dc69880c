"""Selection of the frames to process: by time, by step and by number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameSelection:
    """Frames with start ≤ seconds < end; of those every n-th; of those first_frame ≤ number < end_frame."""

    start: Fraction | None = None
    end: Fraction | None = None
    every: int = 1
    first_frame: int = 0
    end_frame: int | None = None

    def is_before_first(self, number: int) -> bool:
        """Whether a chosen frame comes before `first_frame`. It is decoded but not converted."""
        return number < self.first_frame

    def is_past_end(self, number: int) -> bool:
        """Whether a chosen frame comes at `end_frame` or later."""
        return self.end_frame is not None and number >= self.end_frame

    def choose(self, timed: Iterator[tuple[Fraction, Item]]) -> Iterator[Item]:
        """The items selected by time and step; stops reading at `end`.

        Args:
            timed: (seconds from the start of the input, item), in order.
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
        """Estimate of the number of selected frames, None when unknown; for progress display only.

        Args:
            frames: number in the whole input, 0 when unknown.
            seconds: duration of the whole input.
            rate: frames per second.
        """
        if (self.start is not None or self.end is not None) and seconds and rate:
            end = min(seconds, self.end) if self.end is not None else seconds
            frames = round(max(end - (self.start or 0), Fraction(0)) * rate)
        return -(-frames // self.every) or None
