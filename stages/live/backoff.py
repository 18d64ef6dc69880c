"""How long to wait before a lost connection is tried again."""

from __future__ import annotations

FIRST_S, LONGEST_S = 1.0, 30.0


class Backoff:
    """1, 2, 4 … seconds, never more than 30; from 1 again after a connection that gave frames."""

    def __init__(self) -> None:
        self._next = FIRST_S

    def wait_s(self) -> float:
        """Seconds until the next try."""
        now, self._next = self._next, min(2 * self._next, LONGEST_S)
        return now

    def succeeded(self) -> None:
        """The source gave a frame."""
        self._next = FIRST_S
