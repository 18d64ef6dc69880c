"""Background work of a stage between its calls, with its cost."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ClassVar


class BackgroundWork:
    """A thread of a stage for background work between its calls: one piece at a time, in order.

    Its cost is counted for its stage, whichever stage is called meanwhile. Threads that the work itself starts are not
    known here; their cost is counted for the stage that is called.
    """

    _running: ClassVar[set[BackgroundWork]] = set()

    def __init__(self) -> None:
        """Start the thread."""
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._clock = self._thread.submit(_clock_of_this_thread).result()
        self._under_way: Future[None] | None = None
        self._reported_s = 0.0
        self._done: deque[tuple[float, float]] = deque()
        self._running.add(self)

    @classmethod
    def running_cpu_s(cls) -> float:
        """CPU seconds so far of all background work in this process."""
        return sum(time.clock_gettime(one._clock) for one in cls._running if one._clock is not None)

    def start(self, work: Callable[[], None]) -> None:
        """Start a piece of work after the previous one is done. Raises the exception of the previous one."""
        self.wait()
        self._under_way = self._thread.submit(self._do, work)

    def wait(self) -> None:
        """Wait until the current piece is done. Raises its exception."""
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()

    def new_pieces(self) -> Iterator[tuple[float, float]]:
        """Yield (start, seconds) of each piece done since the last call; start in seconds since 1970."""
        while self._done:
            yield self._done.popleft()

    def new_cpu_s(self) -> float:
        """CPU seconds since the last call."""
        if self._clock is None:
            return 0.0
        spent_s = time.clock_gettime(self._clock)
        reported_s, self._reported_s = self._reported_s, spent_s
        return spent_s - reported_s

    def _do(self, work: Callable[[], None]) -> None:
        begun, wall = time.time(), time.perf_counter()
        try:
            work()
        finally:
            self._done.append((begun, time.perf_counter() - wall))

    def close(self) -> None:
        """End the thread after its current piece; errors of that piece are dropped."""
        self._running.discard(self)
        self._clock = None
        self._thread.shutdown()


def _clock_of_this_thread() -> int | None:
    """The id of this thread's CPU clock, which other threads can read; None if the system has none."""
    return time.pthread_getcpuclockid(threading.get_ident()) if hasattr(time, "pthread_getcpuclockid") else None
