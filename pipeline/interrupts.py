"""Ctrl-C: the first asks the run to keep what is whole, the second ends the program at once."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupt:
    """A wish to stop; runners ask for it between packets."""

    def __init__(self) -> None:
        self.requested = False

    def request(self) -> None:
        """Stop at the next packet."""
        self.requested = True


@contextmanager
def interrupt_on_signals(promise: str) -> Iterator[Interrupt]:
    """Turn SIGINT and SIGTERM into an `Interrupt` while the block runs; a second one raises KeyboardInterrupt.

    Args: promise: what the first one brings about, for the message.
    """
    interrupt = Interrupt()

    def handle(number: int, frame: FrameType | None) -> None:
        if interrupt.requested:
            raise KeyboardInterrupt
        interrupt.request()
        sys.stderr.write(f"\n{promise}; once more stops at once\n")

    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
