"""Counts the calls of functions that some work makes: a measure of cost that is the same at every run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def calls_of(work: Callable[[], Any]) -> int:
    """Number of calls, of functions in Python and in C, that the work makes in this thread."""
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def cost_of_each(work: Callable[[int], Callable[[], Any]], few: int, many: int) -> tuple[float, float]:
    """Calls that each further item costs: among few items, and among many.

    Args: work: gives the work over a number of items; what it does before it returns that is not counted.
    """
    work(1)()  # what is only done once in a process
    counts = [calls_of(work(number)) for number in (few, 2 * few, many - few, many)]
    return (counts[1] - counts[0]) / few, (counts[3] - counts[2]) / few
