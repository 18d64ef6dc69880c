"""Writes the result in a thread while people annotate, during a limited share of the time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from pipeline.stage import StageError

MIN_PAUSE_S = 2.0
"""Shortest pause between two writes."""
PAUSE_SHARE = 20.0
"""Length of a pause in durations of the write before it: the total time of writes grows linearly with the task."""


class ResultWriter:
    """Writes the newest state soon after a change. Changes during a pause are written together; the journal has all."""

    def __init__(self, write: Callable[[], object]) -> None:
        """`write`: writes the current result; raises StageError. It is called from one thread at a time."""
        self._write = write
        self._lock = threading.Lock()
        self._state = threading.Condition()
        self._changes = self._written = 0
        self._closed = False
        self.trouble = ""
        """Why the last write failed; "" where it succeeded."""
        self._thread = threading.Thread(target=self._run, name="result", daemon=True)
        self._thread.start()

    def changed(self) -> None:
        """Note that the result has changed."""
        with self._state:
            self._changes += 1
            self._state.notify_all()

    def write_now(self) -> object:
        """Write in the caller's thread; returns what `write` returns. Raises: StageError."""
        with self._lock:
            changes = self._changes
            found = self._write()
            self._done(changes, "")
        return found

    def settled(self, timeout_s: float = 60.0) -> bool:
        """Wait until all changes are written, or the last write has failed; returns False after `timeout_s`."""
        with self._state:
            return self._state.wait_for(lambda: self._written >= self._changes, timeout_s)

    def close(self) -> None:
        """End the thread. Unwritten changes are in the journal only."""
        with self._state:
            self._closed = True
            self._state.notify_all()
        self._thread.join()

    def _done(self, changes: int, trouble: str) -> None:
        with self._state:
            self._written, self.trouble = changes, trouble
            self._state.notify_all()

    def _run(self) -> None:
        while True:
            with self._state:
                self._state.wait_for(lambda: self._closed or self._written < self._changes)
                if self._closed:
                    return
            begun = time.monotonic()
            with self._lock:
                changes, trouble = self._changes, ""
                try:
                    self._write()
                except StageError as error:  # no action is lost, as the journal has them: the page shows a warning
                    trouble = str(error)
                self._done(changes, trouble)
            with self._state:
                self._state.wait_for(lambda: self._closed, pause_after(time.monotonic() - begun))


def pause_after(seconds: float) -> float:
    """The pause in seconds after a write that took `seconds`."""
    return max(MIN_PAUSE_S, PAUSE_SHARE * seconds)
