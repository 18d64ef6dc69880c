"""A cache whose size in bytes has a limit."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class BoundedCache(Generic[Value]):
    """Keeps what was used last. Threads that ask for the same value wait for one of them to make it, others do not."""

    def __init__(self, most_bytes: int, size_of: Callable[[Value], int]) -> None:
        """`size_of`: bytes of a value. One that is larger than the limit is not kept."""
        self._most, self._size_of = most_bytes, size_of
        self._known: OrderedDict[str, Value] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._turns: dict[str, threading.Lock] = {}

    @property
    def bytes(self) -> int:
        """Bytes of all values that are kept."""
        return self._bytes

    def get(self, key: str, make: Callable[[], Value]) -> Value:
        """The value of a key; `make` makes it where it is not kept."""
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
            turn = self._turns.setdefault(key, threading.Lock())
        with turn:
            with self._lock:
                if key in self._known:
                    return self._known[key]
            try:
                return self._kept(key, make())
            finally:
                with self._lock:
                    self._turns.pop(key, None)

    def _kept(self, key: str, value: Value) -> Value:
        with self._lock:
            self._known[key] = value
            self._bytes += self._size_of(value)
            while self._bytes > self._most:
                _, oldest = self._known.popitem(last=False)
                self._bytes -= self._size_of(oldest)
        return value
