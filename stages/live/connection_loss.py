"""When a source ends: whether that is its real end or a lost connection, and when to reconnect."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass

from pipeline.stage import StageError

TOLERANCE_S = 1.0
TOLERANCE_SHARE = 0.02
"""Stated lengths are not exact: playlists round, and the last frame has a duration of its own."""
SAME_POSITION_S = 0.2
"""Two connections whose ends differ by less than this ended at the same position."""
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 30.0
WRITTEN_WITHIN_S = 10.0
"""A file that was last modified earlier than this is not growing."""
WATCH_GROWTH_S = 5.0
"""Recorders write fragments of several seconds, and a busy machine writes late."""


class SourceLostError(StageError):
    """The source delivers no more data and has not announced its end.

    Attributes:
        quiet: True if reading did not fail, but the source had promised more data.
    """

    quiet = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedLength:
    """What a source states about its own length.

    Attributes:
        seconds: duration; None if the source does not state one.
        counted: True if the transport knows the number of bytes (a file over HTTP): data is missing only if
            reading fails.
    """

    seconds: float | None
    counted: bool

    @property
    def known(self) -> bool:
        """True if the source has an end; a live stream has none."""
        return self.counted or self.seconds is not None

    def is_short(self, reached_s: float) -> bool:
        """True if `reached_s`, in seconds from the beginning, lies before the stated end."""
        tolerance_s = max(TOLERANCE_S, TOLERANCE_SHARE * (self.seconds or 0.0))
        return self.seconds is not None and self.seconds - reached_s > tolerance_s

    def broke_off(self, reached_s: float, *, failed: bool) -> bool:
        """True if more data should have come.

        Args:
            reached_s: position of the last data, seconds from the beginning.
            failed: True if reading failed, False if it came to an end.
        """
        if self.counted:
            return failed
        return self.seconds is None or self.is_short(reached_s)


class StalledConnections:
    """Counts consecutive connections that ended quietly at the same position as the connection before them."""

    def __init__(self) -> None:
        self._position_s: float | None = None
        self.count = 0

    def ended(self, position_s: float | None, *, quiet: bool) -> None:
        """Note the end of a connection.

        Args:
            position_s: seconds from the recording's beginning; None for a source without an end.
            quiet: see `SourceLostError`.
        """
        before_s = self._position_s
        same = position_s is not None and before_s is not None and abs(position_s - before_s) <= SAME_POSITION_S
        self.count = self.count + 1 if same and quiet else 0
        self._position_s = position_s


class Backoff:
    """Exponential back-off of reconnection: 1, 2, 4 … 30 seconds."""

    def __init__(self) -> None:
        self._next_s = FIRST_WAIT_S

    def wait_s(self) -> float:
        """Seconds to wait before the next attempt."""
        now_s, self._next_s = self._next_s, min(2 * self._next_s, LONGEST_WAIT_S)
        return now_s

    def succeeded(self) -> None:
        """Start again at the first wait: the connection delivered a frame."""
        self._next_s = FIRST_WAIT_S


def is_growing(path: str, stopped: threading.Event) -> bool:
    """True if another program is writing to a file.

    Watches the size for up to `WATCH_GROWTH_S`; returns at once if the last change is old, or when `stopped` is set.
    """
    before = os.stat(path)
    if time.time() - before.st_mtime > WRITTEN_WITHIN_S:
        return False
    end = time.monotonic() + WATCH_GROWTH_S
    while time.monotonic() < end and not stopped.wait(0.1):
        if os.stat(path).st_size > before.st_size:
            return True
    return False
