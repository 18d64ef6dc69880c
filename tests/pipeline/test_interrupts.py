"""The first Ctrl-C is a wish, and says what it brings about; the second ends the program."""

from __future__ import annotations

import signal
import threading

import pytest

from pipeline.interrupts import interrupt_on_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_second_ends(number: signal.Signals, capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), interrupt_on_signals("nothing more begins") as interrupt:
        assert not interrupt.requested  # raised in this thread, a signal is there before the next line
        signal.raise_signal(number)
        assert interrupt.requested
        assert capsys.readouterr().err == "\nnothing more begins; once more stops at once\n"
        signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_threads_other_than_the_main_one_get_an_interrupt_that_no_signal_sets() -> None:
    seen: list[bool] = []

    def inside() -> None:
        with interrupt_on_signals("x") as interrupt:
            seen.append(interrupt.requested)

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert seen == [False]
