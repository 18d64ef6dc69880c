"""Files that are still being written."""

from __future__ import annotations

import os
import threading
import time

QUIET_S = 10.0
"""A file that nobody wrote to for so long does not grow."""
LOOKED_AT_S = 5.0
"""Recorders write fragments of some seconds, and a busy machine is late."""


def grows(path: str, stopped: threading.Event) -> bool:
    """Whether a file gets longer while it is looked at, for some seconds at most; an old one is not waited for."""
    facts = os.stat(path)
    if time.time() - facts.st_mtime > QUIET_S:
        return False
    end = time.monotonic() + LOOKED_AT_S
    while time.monotonic() < end and not stopped.wait(0.1):
        if os.stat(path).st_size > facts.st_size:
            return True
    return False
