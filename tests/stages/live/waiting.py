"""Waiting for what live runs do in their own time."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 60.0
"""How long a busy machine may take to start what is waited for."""


def wait_for(
    true: Callable[[], bool], said: Callable[[], str] = lambda: "it did not become true", *, seconds: float = PATIENCE_S
) -> None:
    """Wait until something is true; after so many seconds without, the test fails with what `said` says."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, said()
        time.sleep(0.1)
