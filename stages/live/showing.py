"""The newest picture for everyone who watches, as JPEG, made only when somebody does; and the figures beside it."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np

from stages.live.latency import Latency
from stages.live.payloads import Captured
from stages.payloads import U8

RATE_OVER = 60
"""Pictures over which frames a second are counted."""
STILL_AFTER_S = 3.0
"""Without a new picture for so long, the source counts as lost on the page."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture on its way to viewers.

    Attributes:
        number: counts up.
        captured_s: when its frame arrived, seconds since 1970.
        rgb_HW3: the picture.
    """

    number: int
    captured_s: float
    rgb_HW3: U8


class Showing:
    """Holds the newest picture; one thread puts, another takes."""

    def __init__(self, *, quality: int, max_size: int | None) -> None:
        """Args: quality: of the JPEG, 1..100. max_size: longest side of what is sent."""
        self._quality = quality
        self._max_size = max_size
        self._changed = threading.Condition()
        self._newest: Shown | None = None
        self._encoded: tuple[int, bytes] = (0, b"")
        self._times: deque[float] = deque(maxlen=RATE_OVER)
        self._latency = Latency()
        self._last: Captured | None = None
        self._people = 0
        self._began = time.monotonic()

    def put(self, rgb_HW3: U8, captured: Captured, people: int) -> None:
        """A new picture is there."""
        with self._changed:
            number = self._newest.number + 1 if self._newest else 1
            self._newest = Shown(number, captured.captured_s, rgb_HW3)
            self._last, self._people = captured, people
            now = time.time()
            self._times.append(now)
            self._latency.shown(captured.captured_s, now)
            self._changed.notify_all()

    def after(self, number: int, seconds: float) -> Shown | None:
        """The newest picture if it is later than `number`; waits at most so long for one."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None and self._newest.number > number, seconds)
            newest = self._newest
            return newest if newest is not None and newest.number > number else None

    def jpeg(self, shown: Shown) -> bytes:
        """The picture as JPEG; made once, however many watch. To be called from one thread."""
        if self._encoded[0] != shown.number:
            self._encoded = (shown.number, encoded(shown.rgb_HW3, self._quality, self._max_size))
        return self._encoded[1]

    def figures(self) -> dict[str, float | bool | None]:
        """What the page shows beside the picture."""
        with self._changed:
            times, last = list(self._times), self._last
            fps = (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 and times[-1] > times[0] else 0.0
            quiet = not times or time.time() - times[-1] > STILL_AFTER_S
            return {
                "fps": 0.0 if quiet else round(fps, 1),
                "latency_p50_ms": round(1000 * self._latency.recent(0.5)),
                "latency_p95_ms": round(1000 * self._latency.recent(0.95)),
                "frames": self._newest.number if self._newest else 0,
                "received": last.received if last else 0,
                "dropped": last.dropped if last else 0,
                "reconnects": last.reconnects if last else 0,
                "people": self._people,
                "live": not quiet,
                "waited_s": 0 if times else round(time.monotonic() - self._began, 1),
            }


def encoded(rgb_HW3: U8, quality: int, max_size: int | None) -> bytes:
    """A picture as JPEG, its longest side at most `max_size`."""
    height, width = rgb_HW3.shape[:2]
    scale = 1.0 if max_size is None else min(1.0, max_size / max(height, width))
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        rgb_HW3 = np.asarray(cv2.resize(rgb_HW3, size, interpolation=cv2.INTER_AREA), np.uint8)
    bgr_HW3 = cv2.cvtColor(rgb_HW3, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr_HW3, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return bytes(data)
