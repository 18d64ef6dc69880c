"""The time of live frames: a source's own clock laid along the wall clock. Numbers in, numbers out."""

from __future__ import annotations

TICKS = 90_000
"""Ticks a second of a live stream's time stamps."""
AHEAD_S, BEHIND_S = 0.25, 1.0
"""How far a source's clock may run before and behind the wall clock until it is laid along it anew."""


class LiveClock:
    """Gives every frame a time stamp, strictly increasing, in ticks since 1970.

    Within a connection frames keep the distances that the source gave them, which arrive with less jitter than
    the frames do; what happens at the start of each (a burst of older frames) and in a gap is told by the wall clock.
    """

    def __init__(self) -> None:
        self._offset: float | None = None
        self._last = 0

    def reconnected(self) -> None:
        """The source's clock starts anew."""
        self._offset = None

    def __call__(self, source_s: float | None, wall_s: float) -> int:
        """Ticks of a frame.

        Args:
            source_s: its time on the source's clock, seconds; None where the source gives none.
            wall_s: when it arrived, seconds since 1970.
        """
        seconds = wall_s
        if source_s is not None:
            if self._offset is None or not -BEHIND_S <= source_s + self._offset - wall_s <= AHEAD_S:
                self._offset = wall_s - source_s
            seconds = source_s + self._offset
        self._last = max(round(seconds * TICKS), self._last + 1)
        return self._last


class Pace:
    """When a frame of a recording is due if it is played as though it were live."""

    def __init__(self) -> None:
        self._start: float | None = None

    def due(self, source_s: float | None, now_s: float) -> float:
        """Seconds to wait before showing a frame; the first one is due at once.

        Args:
            source_s: its time in the recording; None is due at once.
            now_s: on any clock that does not jump.
        """
        if source_s is None:
            return 0.0
        if self._start is None:
            self._start = now_s - source_s
        return max(0.0, self._start + source_s - now_s)
