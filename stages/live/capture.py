"""A thread that reads a live source, keeps its newest frames, and reconnects when the connection is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from fractions import Fraction

from pipeline.stage import StageError
from stages.live.connection_loss import Backoff, SourceLostError, StalledConnections
from stages.live.frame_queue import DropOldestQueue, QueueCounts
from stages.live.frames import LiveFrame
from stages.live.sources import LiveSource
from stages.video.decoding.color_conversion import ColorTags

QUEUE_FRAMES = 2
"""Frames that wait: the next one, and one that came early."""
JOIN_TIMEOUT_S = 2.0
MAX_STALLED = 2
"""Connections in a row without progress after which the position of a recording is taken as its end."""


class Capture:
    """Reads a source in its own thread from `start` to `stop`, over any number of connections."""

    def __init__(
        self,
        connect: Callable[[threading.Event, float | None], LiveSource],
        *,
        wait_at_start: bool,
        give_up_s: float | None = None,
        continued: bool = False,
    ) -> None:
        """Prepare the thread; `start` starts it.

        Args:
            connect: opens the source. Its arguments: an event that is set when no more frames are wanted, and the
                position at which a lost recording continues, seconds from its beginning. Raises StageError.
            wait_at_start, give_up_s: see `SourceSettings`.
            continued: whether an earlier process of the run, or an earlier run, has read this source: it is then
                looked for as after a lost connection, and giving up is no error.
        """
        self._connect = connect
        self._wait_at_start = wait_at_start
        self._continued = continued
        self._stopped = threading.Event()
        self._queue: DropOldestQueue[LiveFrame] = DropOldestQueue(QUEUE_FRAMES)
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._failure: Exception | None = None
        self._connections = 0
        self._give_up_s = give_up_s
        self._stalled = StalledConnections()
        self._resume_s: float | None = None
        self._last_frame_at = time.monotonic()
        self.connected = False
        self.lost_reason = ""
        self.losses = 0
        self.note = self.damage = ""
        self.rate: Fraction | None = None
        self.tags = ColorTags()

    @property
    def counts(self) -> QueueCounts:
        """Frames received and dropped."""
        return self._queue.counts

    @property
    def reconnects(self) -> int:
        """Number of connections after the first."""
        return max(0, self._connections - 1)

    @property
    def lost(self) -> bool:
        """True if the source was connected before, is not connected now, and did not come to its end."""
        looked_for = self._continued and bool(self.lost_reason)
        return (self._connections > 0 or looked_for) and not self.connected

    @property
    def over(self) -> bool:
        """True if the source ended and all its frames were taken."""
        return self._queue.exhausted

    def start(self) -> None:
        """Start reading."""
        self._thread.start()

    def take(self, timeout_s: float) -> LiveFrame | None:
        """The next frame; None if none came within the timeout.

        Raises:
            StageError: the source was not there at the start.
        """
        frame = self._queue.take(timeout_s)
        if frame is None and self._failure is not None:
            raise self._failure
        return frame

    def stop(self) -> None:
        """Stop reading. A read that hangs ends at its own timeout."""
        self._stopped.set()
        self._queue.close()
        if self._thread.is_alive():
            self._thread.join(JOIN_TIMEOUT_S)

    def _run(self) -> None:
        backoff = Backoff()
        try:
            while not self._stopped.is_set():
                try:
                    self._read(backoff)
                    return
                except StageError as error:
                    self._note_loss(error)
                    first = not self._connections and not self._continued
                    if first and (not self._wait_at_start or self._given_up()):
                        raise
                if self._given_up():
                    return
                self._stopped.wait(backoff.wait_s())
        except Exception as error:  # `take` raises it in the caller's thread
            self._failure = error
        finally:
            self._queue.close()

    def _note_loss(self, error: StageError) -> None:
        self.losses += self.connected
        if self.connected or not self.lost_reason:
            self.lost_reason = error.what
        self.connected = False

    def _given_up(self) -> bool:
        """True if no further connection is tried."""
        away_s = time.monotonic() - self._last_frame_at
        too_long = self._give_up_s is not None and away_s >= self._give_up_s
        return too_long or self._stalled.count >= MAX_STALLED

    def _read(self, backoff: Backoff) -> None:
        """Read one connection to the source's end. Raises StageError when the connection is lost."""
        source = self._connect(self._stopped, self._resume_s)
        try:
            for frame in source:
                if not self.connected:
                    self.connected, self.rate, self.tags = True, source.rate, source.tags
                    self._connections += 1
                    backoff.succeeded()
                self._last_frame_at = time.monotonic()
                self._queue.put(LiveFrame(frame.image, frame.source_s, frame.captured_s, self._connections))
                if self._stopped.is_set():
                    return
            self.connected, self.note, self.damage = True, source.note, source.damage
        except SourceLostError as error:
            self._resume_s = source.reached_s
            self._stalled.ended(source.reached_s, quiet=error.quiet)
            raise
        finally:
            source.close()
