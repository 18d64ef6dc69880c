"""A bounded queue between two threads that drops the oldest item when it is full, and counts what it drops."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueCounts:
    """Items that were put into the queue, and items that were dropped because it was full."""

    received: int
    dropped: int


class DropOldestQueue(Generic[T]):
    """Holds at most `capacity` items, so that delay and memory are bounded."""

    def __init__(self, capacity: int) -> None:
        self._items: deque[T] = deque()
        self._capacity = capacity
        self._changed = threading.Condition()
        self._received = 0
        self._dropped = 0
        self._closed = False

    def put(self, item: T) -> None:
        """Add an item; a full queue drops its oldest item first."""
        with self._changed:
            self._received += 1
            if len(self._items) == self._capacity:
                self._items.popleft()
                self._dropped += 1
            self._items.append(item)
            self._changed.notify_all()

    def take(self, timeout_s: float) -> T | None:
        """Remove and return the oldest item; None if none arrives within the timeout or the queue is closed."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._items) or self._closed, timeout_s)
            return self._items.popleft() if self._items else None

    def close(self) -> None:
        """Announce that no more items will come; a thread that waits in `take` returns."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def exhausted(self) -> bool:
        """True if the queue is closed and empty."""
        with self._changed:
            return self._closed and not self._items

    @property
    def counts(self) -> QueueCounts:
        """Counts since the queue was made."""
        with self._changed:
            return QueueCounts(received=self._received, dropped=self._dropped)
