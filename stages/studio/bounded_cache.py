"""A cache whose size in bytes has a limit."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class BoundedCache(Generic[Value]):
    """Keeps the most recently used values. One thread makes a value; other threads that need the same value wait."""

    def __init__(self, max_bytes: int, size_of: Callable[[Value], int]) -> None:
        """`size_of`: bytes of a value. A value larger than `max_bytes` is returned and not kept."""
        self._max_bytes, self._size_of = max_bytes, size_of
        self._known: OrderedDict[str, Value] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._making: dict[str, threading.Lock] = {}

    @property
    def bytes(self) -> int:
        """Bytes of all kept values."""
        return self._bytes

    def get(self, key: str, make: Callable[[], Value]) -> Value:
        """The value of a key; `make` makes a value that is not kept."""
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._known:
                    return self._known[key]
            try:
                return self._kept(key, make())
            finally:
                with self._lock:
                    self._making.pop(key, None)

    def _kept(self, key: str, value: Value) -> Value:
        with self._lock:
            self._known[key] = value
            self._bytes += self._size_of(value)
            while self._bytes > self._max_bytes:
                _, oldest = self._known.popitem(last=False)
                self._bytes -= self._size_of(oldest)
        return value
