"""Signals that stop a run: the first lets it save its partial results, the second ends the program at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SAME_REQUEST_S = 2.0
"""Signals within this time count as one: service managers and `timeout` signal every process, and these forward it."""


class Interrupt:
    """A request to stop; runners check it between packets.

    Attributes:
        requested: whether a stop was requested.
        number: the signal of the request.
    """

    def __init__(self) -> None:
        self.requested = False
        self.number: int = signal.SIGINT

    def request(self, number: int = signal.SIGINT) -> None:
        """Request a stop at the next packet."""
        self.requested, self.number = True, number


def stopping_signals() -> tuple[signal.Signals, ...]:
    """The signals that stop a program: SIGINT, SIGTERM, and SIGHUP unless it is ignored (`nohup`)."""
    signals = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signals.append(signal.SIGHUP)
    return tuple(signals)


def exit_code(number: int) -> int:
    """The exit code of a program that a signal stopped."""
    return 128 + number


@contextmanager
def interrupt_on_signals(promise: str) -> Iterator[Interrupt]:
    """Turn stopping signals into an `Interrupt` while the block runs; a second one raises KeyboardInterrupt.

    Args:
        promise: what follows the first signal, for the message.
    """
    interrupt, asked_at = Interrupt(), 0.0

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal asked_at
        if interrupt.requested:
            twice = number == signal.SIGINT == interrupt.number
            if twice or time.monotonic() - asked_at > SAME_REQUEST_S:
                raise KeyboardInterrupt(number)
            return
        asked_at = time.monotonic()
        interrupt.request(number)
        write_to_terminal(f"\n{promise}; once more stops at once\n")

    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    before = {number: signal.signal(number, handle) for number in stopping_signals()}
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def keep_signal_handlers() -> Iterator[None]:
    """Restore the signal handlers after the block: Ray replaces the one for SIGTERM.

    Raises KeyboardInterrupt if such a signal arrives during the block: Ray's handler exits.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in stopping_signals()}
    try:
        yield
    except SystemExit as error:
        raise KeyboardInterrupt(signal.SIGTERM) from error
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)


def write_to_terminal(text: str) -> None:
    """Write to the terminal; where it is gone, as after a hang-up, nothing is shown and the work continues."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        show_nothing(1, 2, sys.stderr.fileno())


def show_nothing(*streams: int) -> None:
    """Redirect streams, by their numbers, to the null device."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for shown in streams:
        os.dup2(nowhere, shown)
    os.close(nowhere)
