"""Time stamps, playback speed and latency of live frames: pure calculations, without clocks of their own."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque

TICKS_PER_S = 90_000
"""Time base of a live stream's time stamps."""
MAX_AHEAD_S, MAX_BEHIND_S = 0.25, 1.0
"""How far the source's clock may run ahead of or behind the wall clock before it is aligned again."""
RECENT_FRAMES = 120
"""Frames over which the page's latency figures are computed."""
BIN_RATIO = 1.05
"""Ratio of neighbouring bin bounds: percentiles of a whole run are at most 5 % too high."""
BOUNDS_S = tuple(0.001 * BIN_RATIO**k for k in range(235))
"""Upper bounds of the bins, from 1 ms to 91 s."""
DROP_SHARE, WINDOW_S, LEAST_FRAMES = 0.1, 2.0, 8
"""Frames come late where this share of those that were received in a window was dropped; shorter windows, or those with
fewer frames, decide nothing."""
PAUSE_S, LONGEST_PAUSE_S = 10.0, 300.0
"""Seconds on time before a pause ends: the first pause, and the longest."""


class LiveClock:
    """Gives each frame a strictly increasing time stamp in ticks since 1970.

    Within a connection, frames keep the distances of the source's clock, which has less jitter than their arrival.
    At the start of a connection (a burst of older frames) and after a gap, the source's clock is aligned with the
    wall clock.
    """

    def __init__(self) -> None:
        self._offset_s: float | None = None
        self._last_ticks = 0

    def reconnected(self) -> None:
        """Forget the alignment: a new connection has a new source clock."""
        self._offset_s = None

    def __call__(self, source_s: float | None, wall_s: float) -> int:
        """Time stamp of a frame in ticks.

        Args:
            source_s: time on the source's clock, seconds; None if the source gives none.
            wall_s: time of arrival, seconds since 1970.
        """
        seconds = wall_s
        if source_s is not None:
            if self._offset_s is None or not -MAX_BEHIND_S <= source_s + self._offset_s - wall_s <= MAX_AHEAD_S:
                self._offset_s = wall_s - source_s
            seconds = source_s + self._offset_s
        self._last_ticks = max(round(seconds * TICKS_PER_S), self._last_ticks + 1)
        return self._last_ticks


class RealTimePlayback:
    """Delays the frames of a recording so that it plays at the speed at which it was recorded."""

    def __init__(self) -> None:
        self._start_s: float | None = None

    def delay_s(self, source_s: float | None, now_s: float) -> float:
        """Seconds to wait before a frame is shown; 0 for the first frame and for late frames.

        Args:
            source_s: the frame's time in the recording, seconds; None means no wait.
            now_s: the current time on a monotonic clock, seconds.
        """
        if source_s is None:
            return 0.0
        if self._start_s is None:
            self._start_s = now_s - source_s
        return max(0.0, self._start_s + source_s - now_s)


class LatencyHistogram:
    """Latencies from capture to display: a histogram of the whole run in constant memory, and the latest values."""

    def __init__(self) -> None:
        self._bins = [0] * (len(BOUNDS_S) + 1)
        self._recent_s: deque[float] = deque(maxlen=RECENT_FRAMES)
        self._first_shown_s: float | None = None
        self.count = 0
        self.worst_s = 0.0

    def frame_shown(self, captured_s: float, now_s: float) -> None:
        """Add the latency of a displayed frame.

        Frames that were captured before the first one was displayed are left out: they waited while networks loaded.

        Args:
            captured_s, now_s: seconds on the same clock.
        """
        if self._first_shown_s is None:
            self._first_shown_s = now_s
        elif captured_s >= self._first_shown_s:
            self.add(now_s - captured_s)

    def add(self, latency_s: float) -> None:
        """Add one latency; a negative one counts as 0."""
        latency_s = max(latency_s, 0.0)
        self._bins[bisect_left(BOUNDS_S, latency_s)] += 1
        self._recent_s.append(latency_s)
        self.count += 1
        self.worst_s = max(self.worst_s, latency_s)

    def percentile_s(self, share: float) -> float:
        """Upper bound of the latency of a share (0..1) of all frames, seconds; 0 without frames."""
        wanted, seen = share * self.count, 0
        for bound_s, count in zip(BOUNDS_S, self._bins, strict=False):
            seen += count
            if seen >= wanted and seen:
                return min(bound_s, self.worst_s)
        return self.worst_s

    def summary_ms(self) -> dict[str, float]:
        """Milliseconds: for half of all frames (`p50`), for 95 % (`p95`), and the largest (`most`)."""
        latencies = {"p50": self.percentile_s(0.5), "p95": self.percentile_s(0.95), "most": self.worst_s}
        return {name: round(1000 * latency_s, 1) for name, latency_s in latencies.items()}

    def recent_percentile_s(self, share: float) -> float:
        """Exact percentile over the latest `RECENT_FRAMES` frames, seconds; 0 without frames."""
        ordered = sorted(self._recent_s)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


class LatencyPause:
    """Says when costly work pauses because frames come late, and when it is tried again.

    A pause begins after a window in which frames came late, and ends after `PAUSE_S` seconds on time. The next pause
    is twice as long, unless the work went on for longer than the pause before it lasted. The first window decides
    nothing: networks are still being loaded.
    """

    def __init__(self) -> None:
        self.paused = False
        self._pause_s = PAUSE_S
        self._since_s = 0.0
        self._window: tuple[float, int, int] | None = None
        self._warm = False

    def __call__(self, captured_s: float, received: int, dropped: int) -> bool:
        """Whether the work pauses in this frame.

        Args:
            captured_s: when the frame came, seconds.
            received, dropped: frames so far, and how many of them were dropped.
        """
        if self._window is None:
            self._window, self._since_s = (captured_s, received, dropped), captured_s
        start_s, had_received, had_dropped = self._window
        if captured_s - start_s >= WINDOW_S and received - had_received >= LEAST_FRAMES:
            late = (dropped - had_dropped) >= DROP_SHARE * (received - had_received)
            self._window = captured_s, received, dropped
            if self._warm:
                self._decide(captured_s, late)
            self._warm = True
        return self.paused

    def _decide(self, now_s: float, late: bool) -> None:
        """Begin or end a pause after a window."""
        lasted_s = now_s - self._since_s
        if self.paused:
            if late:
                self._since_s = now_s
            elif lasted_s >= self._pause_s:
                self.paused, self._since_s = False, now_s
                self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        elif late:
            self.paused, self._since_s = True, now_s
        elif lasted_s >= self._pause_s:
            self._pause_s = PAUSE_S
