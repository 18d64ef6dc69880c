"""How far a long preparation is: what goes over many files reports to a `Watch`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Watch = Callable[[str, int, int], None]
"""Gets what is gone over ("files"), how many are done, and how many there are; it may be called at any rate."""
EVERY = 100
Item = TypeVar("Item")


def watched(items: Sequence[Item], what: str, watch: Watch | None) -> Iterator[Item]:
    """Yield the items, and report to `watch`, if there is one, how many were yielded before."""
    for number, item in enumerate(items):
        if watch is not None and number % EVERY == 0:
            watch(what, number, len(items))
        yield item
