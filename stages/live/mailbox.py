"""The newest frames of a live source: what is not taken in time makes place for newer ones, and is counted."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Frames put in, and those that nobody took in time."""

    received: int
    dropped: int


class Mailbox(Generic[T]):
    """Passes frames between two threads; holds `room` of them at most, so that delay and memory have a bound."""

    def __init__(self, room: int) -> None:
        self._items: deque[T] = deque()
        self._room = room
        self._changed = threading.Condition()
        self._received = 0
        self._dropped = 0
        self._closed = False

    def put(self, item: T) -> None:
        """Add the newest; the oldest makes place."""
        with self._changed:
            self._received += 1
            if len(self._items) == self._room:
                self._items.popleft()
                self._dropped += 1
            self._items.append(item)
            self._changed.notify_all()

    def take(self, seconds: float) -> T | None:
        """The oldest that is there; waits at most so long for one, and gives None where none came."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._items) or self._closed, seconds)
            return self._items.popleft() if self._items else None

    def close(self) -> None:
        """Nothing more will come: who waits is let go."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Nothing is there and nothing more will come."""
        with self._changed:
            return self._closed and not self._items

    @property
    def counts(self) -> Counts:
        """Frames so far."""
        with self._changed:
            return Counts(received=self._received, dropped=self._dropped)
