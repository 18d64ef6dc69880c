"""Waiting for conditions that live runs reach after some time."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 60.0
"""How long a busy machine may take."""


def wait_for(
    condition: Callable[[], bool],
    message: Callable[[], str] = lambda: "the condition did not become true",
    *,
    seconds: float = PATIENCE_S,
) -> None:
    """Wait until a condition holds; the test fails with `message` if it does not within `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, message()
        time.sleep(0.1)
