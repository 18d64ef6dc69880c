"""The first Ctrl-C is a wish, and says what it brings about; the second ends the program."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator

import pytest

from pipeline import interrupts
from pipeline.interrupts import (
    exit_code,
    interrupt_on_signals,
    keep_signal_handlers,
    stopping_signals,
    write_to_terminal,
)

pytestmark = [pytest.mark.quick, pytest.mark.usefixtures("no_ignored_signals")]


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes after the first signal is a wish of its own."""
    monkeypatch.setattr(interrupts, "SAME_REQUEST_S", -1.0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_asks_and_the_second_ends(
    number: signal.Signals, late: None, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt) as ended, interrupt_on_signals("nothing more begins") as interrupt:
        assert not interrupt.requested  # raised in this thread, a signal is there before the next line
        signal.raise_signal(number)
        assert interrupt.requested and exit_code(interrupt.number) == 128 + number
        assert capsys.readouterr().err == "\nnothing more begins; once more stops at once\n"
        signal.raise_signal(number)
    assert ended.value.args == (number,)
    assert signal.getsignal(number) is before


def test_signals_that_a_service_manager_sends_to_all_processes_count_once() -> None:
    with interrupt_on_signals("x") as interrupt:
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.raise_signal(number)
        assert interrupt.number == signal.SIGTERM


def test_a_quick_second_ctrl_c_is_a_second_one() -> None:
    with pytest.raises(KeyboardInterrupt), interrupt_on_signals("x"):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)


def test_a_hang_up_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert signal.SIGHUP not in stopping_signals()
        with interrupt_on_signals("x") as interrupt:
            signal.raise_signal(signal.SIGHUP)
            assert not interrupt.requested
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_handlers_that_a_library_sets_are_taken_back() -> None:
    with interrupt_on_signals("x") as interrupt:
        with keep_signal_handlers():
            signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(number))
        signal.raise_signal(signal.SIGTERM)
        assert interrupt.requested


def test_a_signal_that_a_library_answers_with_an_exit_stops_the_program() -> None:
    with pytest.raises(KeyboardInterrupt) as ended, keep_signal_handlers():
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(number))
        signal.raise_signal(signal.SIGTERM)
    assert ended.value.args == (signal.SIGTERM,)


@pytest.fixture
def gone(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A terminal that was hung up, as standard output and error of this process; and its number."""
    kept = [os.dup(shown) for shown in (1, 2)]
    master, slave = os.openpty()
    stream = os.fdopen(os.dup(slave), "w", buffering=1)
    os.close(master)
    monkeypatch.setattr(sys, "stderr", stream)
    yield stream.fileno()
    for shown, number in zip((1, 2), kept, strict=True):
        os.dup2(number, shown)
    os.close(slave)


def test_a_terminal_that_is_gone_takes_nothing_along(gone: int) -> None:
    with pytest.raises(OSError, match="Input/output"):
        os.write(gone, b"x")
    write_to_terminal("stopping\n")
    sys.stderr.write("and everything after it goes nowhere\n")


def test_threads_other_than_the_main_one_get_an_interrupt_that_no_signal_sets() -> None:
    seen: list[bool] = []

    def inside() -> None:
        with keep_signal_handlers(), interrupt_on_signals("x") as interrupt:
            seen.append(interrupt.requested)

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert seen == [False]
