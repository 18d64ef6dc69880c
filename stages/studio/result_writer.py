"""Writes the result while people work: in a thread of its own, and never for more than a share of the time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from pipeline.stage import StageError

LEAST_PAUSE_S = 2.0
"""Between the end of a write and the next one."""
PAUSE_SHARE = 20.0
"""Length of a pause, in lengths of the write before it: a task costs in proportion to its length, not to its square."""


class ResultWriter:
    """Writes soon after each change; of changes that come faster only the last state. The journal has all of them."""

    def __init__(self, write: Callable[[], object]) -> None:
        """`write`: writes the result as it is now; raises StageError. It is called from one thread at a time."""
        self._write = write
        self._lock = threading.Lock()
        self._state = threading.Condition()
        self._changes = self._written = 0
        self._closed = False
        self.trouble = ""
        """Why the last write failed; empty where it did not."""
        self._thread = threading.Thread(target=self._run, name="result", daemon=True)
        self._thread.start()

    def changed(self) -> None:
        """The result is no longer what the file has."""
        with self._state:
            self._changes += 1
            self._state.notify_all()

    def write_now(self) -> object:
        """Write in the caller's thread; what `write` returns. Raises: StageError."""
        with self._lock:
            changes = self._changes
            found = self._write()
            self._done(changes, "")
        return found

    def settled(self, timeout_s: float = 60.0) -> bool:
        """Wait until the file has every change, or the last write has failed; whether that was in time."""
        with self._state:
            return self._state.wait_for(lambda: self._written >= self._changes, timeout_s)

    def close(self) -> None:
        """End the thread. What is not written yet stays in the journal alone."""
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
                except StageError as error:  # the actions are confirmed, and in the journal: the page says it
                    trouble = str(error)
                self._done(changes, trouble)
            with self._state:
                self._state.wait_for(lambda: self._closed, pause_after(time.monotonic() - begun))


def pause_after(seconds: float) -> float:
    """How long nothing is written after a write that took so long."""
    return max(LEAST_PAUSE_S, PAUSE_SHARE * seconds)
