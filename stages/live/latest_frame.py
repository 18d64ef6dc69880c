"""The newest frame for all viewers of the page, as JPEG, and the statistics that the page shows."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

from models.files.jpeg_image import jpeg_of
from stages.live.payloads import Captured
from stages.live.timing import LatencyHistogram
from stages.payloads import U8

RATE_FRAMES = 60
"""Frames over which the frame rate is measured."""
LOST_AFTER_S = 3.0
"""After this time without a new frame the page shows the source as lost."""


@dataclass(frozen=True, slots=True)
class NumberedFrame:
    """A frame for viewers.

    Attributes:
        number: counts up from 1.
        captured_s: when the frame's data arrived, seconds since 1970.
        rgb_HW3: the drawn frame, uint8.
    """

    number: int
    captured_s: float
    rgb_HW3: U8


class LatestFrame:
    """Holds the newest frame: the stage's thread writes it, the page's threads read it."""

    def __init__(self, *, quality: int, max_size: int | None) -> None:
        """Make an empty slot.

        Args:
            quality: of the JPEG, 1..100.
            max_size: longest side of the JPEG in pixels; None = the frame's size.
        """
        self._quality = quality
        self._max_size = max_size
        self._changed = threading.Condition()
        self._newest: NumberedFrame | None = None
        self._encoded: tuple[int, bytes] = (0, b"")
        self._times: deque[float] = deque(maxlen=RATE_FRAMES)
        self._latency = LatencyHistogram()
        self._captured: Captured | None = None
        self._people = 0
        self._created = time.monotonic()

    def put(self, rgb_HW3: U8, captured: Captured, people: int) -> None:
        """Replace the newest frame; `people` is the number of people in it."""
        with self._changed:
            number = self._newest.number + 1 if self._newest else 1
            self._newest = NumberedFrame(number, captured.captured_s, rgb_HW3)
            self._captured, self._people = captured, people
            now = time.time()
            self._times.append(now)
            self._latency.frame_shown(captured.captured_s, now)
            self._changed.notify_all()

    def newer_than(self, number: int, timeout_s: float) -> NumberedFrame | None:
        """The newest frame if its number is greater than `number`; None if none comes within the timeout."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None and self._newest.number > number, timeout_s)
            newest = self._newest
            return newest if newest is not None and newest.number > number else None

    def jpeg(self, frame: NumberedFrame) -> bytes:
        """The frame as JPEG, encoded once for all viewers. Call it from one thread only."""
        if self._encoded[0] != frame.number:
            self._encoded = (frame.number, jpeg_of(frame.rgb_HW3, self._quality, self._max_size))
        return self._encoded[1]

    def statistics(self) -> dict[str, float | bool | None]:
        """The values that the page shows beside the frame."""
        with self._changed:
            times, captured = list(self._times), self._captured
            fps = (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 and times[-1] > times[0] else 0.0
            lost = not times or time.time() - times[-1] > LOST_AFTER_S
            return {
                "fps": 0.0 if lost else round(fps, 1),
                "latency_p50_ms": round(1000 * self._latency.recent_percentile_s(0.5)),
                "latency_p95_ms": round(1000 * self._latency.recent_percentile_s(0.95)),
                "frames": self._newest.number if self._newest else 0,
                "received": captured.received if captured else 0,
                "dropped": captured.dropped if captured else 0,
                "reconnects": captured.reconnects if captured else 0,
                "people": self._people,
                "live": not lost,
                "waited_s": 0 if times else round(time.monotonic() - self._created, 1),
            }
