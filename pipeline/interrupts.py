"""Wishes to stop: the first asks the run to keep what is whole, the second ends the program at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SAME_WISH_S = 2.0
"""Service managers and `timeout` send to every process of a run, which hand it on: what comes so soon is one wish."""


class Interrupt:
    """A wish to stop; runners ask for it between packets.

    Attributes:
        requested: whether there is one.
        number: the signal that it came by.
    """

    def __init__(self) -> None:
        self.requested = False
        self.number: int = signal.SIGINT

    def request(self, number: int = signal.SIGINT) -> None:
        """Stop at the next packet."""
        self.requested, self.number = True, number


def stopping_signals() -> tuple[signal.Signals, ...]:
    """Those that ask a program to stop; a hang-up that is ignored (`nohup`) is none."""
    heard = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        heard.append(signal.SIGHUP)
    return tuple(heard)


def exit_code(number: int) -> int:
    """What a program that a signal stopped returns."""
    return 128 + number


@contextmanager
def interrupt_on_signals(promise: str) -> Iterator[Interrupt]:
    """Turn signals that ask to stop into an `Interrupt` while the block runs; a second one raises KeyboardInterrupt.

    Args: promise: what the first one brings about, for the message.
    """
    interrupt, asked_at = Interrupt(), 0.0

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal asked_at
        if interrupt.requested:
            twice = number == signal.SIGINT == interrupt.number
            if twice or time.monotonic() - asked_at > SAME_WISH_S:
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
    """Take back the answers to signals that a library changes while the block runs; Ray changes that to SIGTERM.

    Raises KeyboardInterrupt where such a signal came meanwhile: Ray's own answer to it is to exit.
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
    """Write to the terminal; where it is gone, as after a hang-up, nothing is shown any more and the work goes on."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        show_nothing(1, 2, sys.stderr.fileno())


def show_nothing(*streams: int) -> None:
    """Let what is written to streams that are gone, by their numbers, vanish from now on."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for shown in streams:
        os.dup2(nowhere, shown)
    os.close(nowhere)
