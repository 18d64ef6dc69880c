"""Encoders that would take the machine for themselves."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def thread_priority_kept() -> Iterator[None]:
    """This thread, and those started meanwhile, keep the priority that this one has.

    Opened by root, as in most containers, SVT-AV1 gives its threads and the one that opens it the highest real-time
    priority (SCHED_FIFO, 99). All that this thread starts inherits it, and everything else waits.
    """
    if sys.platform != "linux":
        yield
        return
    policy, priority, before = os.sched_getscheduler(0), os.sched_getparam(0), threads_here()
    try:
        yield
    finally:
        for thread in (threads_here() - before) | {0}:
            with suppress(ProcessLookupError):  # it has ended
                if os.sched_getscheduler(thread) != policy:
                    os.sched_setscheduler(thread, policy, priority)


def threads_here() -> set[int]:
    """The kernel's numbers of this process's threads."""
    return {int(path.name) for path in Path("/proc/self/task").iterdir()}
