"""How old pictures are when they are shown: percentiles over a run of any length in constant memory."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque

RECENT = 120
"""Pictures over which the page's figures go."""
STEP = 1.05
"""Ratio of neighbouring bounds: percentiles of a whole run are at most 5 % too high."""
BOUNDS_S = tuple(0.001 * STEP**k for k in range(235))
"""1 ms to 91 s."""


class Latency:
    """Ages of pictures in seconds, counted in bins; the newest `RECENT` are kept as they are."""

    def __init__(self) -> None:
        self._bins = [0] * (len(BOUNDS_S) + 1)
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._begun: float | None = None
        self.count = 0
        self.worst_s = 0.0

    def shown(self, captured_s: float, now_s: float) -> None:
        """A picture is shown. Those that came before the first was shown waited for networks to load: left out.

        Args:
            captured_s, now_s: seconds on one clock.
        """
        if self._begun is None:
            self._begun = now_s
        elif captured_s >= self._begun:
            self.add(now_s - captured_s)

    def add(self, seconds: float) -> None:
        """One more picture was shown at this age."""
        seconds = max(seconds, 0.0)
        self._bins[bisect_left(BOUNDS_S, seconds)] += 1
        self._recent.append(seconds)
        self.count += 1
        self.worst_s = max(self.worst_s, seconds)

    def percentile(self, share: float) -> float:
        """The age that a share (0..1) of all pictures did not exceed, seconds; 0 where there were none."""
        wanted, seen = share * self.count, 0
        for bound, count in zip(BOUNDS_S, self._bins, strict=False):
            seen += count
            if seen >= wanted and seen:
                return min(bound, self.worst_s)
        return self.worst_s

    def recent(self, share: float) -> float:
        """The same over the newest pictures, exactly."""
        ordered = sorted(self._recent)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0
