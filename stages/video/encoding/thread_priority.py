"""Thread priority: keeps encoders from giving their threads real-time priority."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def thread_priority_kept() -> Iterator[None]:
    """Reset the scheduling policy of this thread, and of threads started meanwhile, to the present one.

    When root opens SVT-AV1, as in most containers, it gives its threads and the calling thread the highest real-time
    priority (SCHED_FIFO, 99). Child threads inherit it, and all other threads of the machine starve.
    """
    if sys.platform != "linux":
        yield
        return
    policy, priority, before = os.sched_getscheduler(0), os.sched_getparam(0), thread_ids()
    try:
        yield
    finally:
        for thread in (thread_ids() - before) | {0}:
            with suppress(ProcessLookupError):  # the thread has ended
                if os.sched_getscheduler(thread) != policy:
                    os.sched_setscheduler(thread, policy, priority)


def thread_ids() -> set[int]:
    """The kernel's ids of this process's threads."""
    return {int(path.name) for path in Path("/proc/self/task").iterdir()}
