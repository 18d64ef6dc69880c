"""The process that a user starts: another one does the work, and this one outlives it.

Ray ends the process that drives it, without a word, when one of Ray's own processes dies. So the work is done by a
child: this process hands signals on to it and tells how it ended; where Ray took it along it is begun again, and goes
on after what stands. The child has a session of its own, so that what a terminal or a shell sends to everyone at once
reaches neither it nor Ray's processes, but this one alone, which hands it on once.

It imports nothing but the standard library: it is there before anything else is loaded, and takes no memory.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType

from pipeline.interrupts import exit_code, stopping_signals, write_to_terminal

TRIES = 3
"""How often Ray may take the work along, each time within `SOON_S` of the one before, until it is given up."""
SOON_S = 600.0
ENDED, RAY = b"e", b"r"
LOST_STATUS = 1
CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT)
DEATH_OF_PARENT = 1
"""`PR_SET_PDEATHSIG` of Linux."""
LOST = "Ray ended (one of its own processes died: killed, or out of memory)"
GIVEN_UP = f"error: {LOST}, {TRIES} times; the same command with --resume goes on after what stands, or use --serial\n"
_told: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted:
    """A run that is begun again.

    Attributes:
        times: how often.
        since: when it first began, seconds since 1970.
        stopped: the signal that asked it to stop, if one did before Ray ended: then what is whole is only to be kept.
    """

    times: int
    since: float
    stopped: int | None = None


Work = Callable[[Restarted | None], int]


def supervise(work: Work) -> int:
    """Do the work in a process of its own, again where Ray took it along; returns the exit code.

    Args: work: the program; it is told whether it is begun again, and returns its exit code.
    """
    if not hasattr(os, "fork"):
        return work(None)
    return _Supervisor(work).run()


def silence_native_output() -> None:
    """From here on only this program's own sentences reach the terminal, not what C++ writes to standard error."""
    if _told is not None and sys.stderr is not None and sys.stderr.fileno() != 2:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)


def ray_starts() -> None:
    """Ray is started: if this process ends without a word from here on, Ray took it along."""
    _tell(RAY)


def restart_program() -> None:
    """Ray is lost: end this process, so that the front begins again. Returns where there is no supervisor."""
    if _told is not None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(LOST_STATUS)


def _tell(word: bytes) -> None:
    if _told is not None:
        os.write(_told, word)


class _Supervisor:
    def __init__(self, work: Work) -> None:
        self._work = work
        self._child: int | None = None
        self._stopped: int | None = None

    def run(self) -> int:
        """See `supervise`."""
        _open_standard_streams()
        heard = stopping_signals()
        for number in heard:
            signal.signal(number, self._hand_on)
        signal.signal(signal.SIGTSTP, self._pause)
        since, times, begun, stopped = time.time(), 0, time.monotonic(), None
        while True:
            again = Restarted(times=times, since=since, stopped=stopped) if times else None
            status, said = self._once(again, heard)
            if self._child == 0:  # in the child, whose work is done
                return status
            if ENDED in said:
                return said[-1]
            if stopped is not None or not _taken_along(status, said):
                return exit_code(stopped) if stopped else _told_end(status)
            stopped, now = self._stopped, time.monotonic()
            times, begun = (times + 1 if now - begun < SOON_S else 1), now
            if times >= TRIES and stopped is None:
                write_to_terminal(GIVEN_UP)
                return 1
            if stopped is None:
                write_to_terminal(f"\n{LOST}: it is started again, and the run goes on after what stands\n")

    def _once(self, again: Restarted | None, heard: tuple[signal.Signals, ...]) -> tuple[int, bytes]:
        """Start the child and wait for it: its status, and what it told. In the child: the exit code of the work."""
        hear, tell = os.pipe()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, heard)
        parent = os.getpid()
        self._child = os.fork()
        if self._child == 0:
            os.close(hear)
            return self._in_the_child(tell, parent, again, heard, before), b""
        os.close(tell)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        session = self._child
        _, status = os.waitpid(session, 0)
        self._child = None
        os.set_blocking(hear, False)
        try:
            said = os.read(hear, 64)
        except BlockingIOError:  # nothing was told, and a process that the child left holds the other end
            said = b""
        os.close(hear)
        if ENDED not in said:
            signal_session(session, signal.SIGKILL)
        return status, said

    def _in_the_child(
        self,
        tell: int,
        parent: int,
        again: Restarted | None,
        heard: tuple[signal.Signals, ...],
        before: set[int | signal.Signals],
    ) -> int:
        global _told
        _told = tell
        if sys.stderr is not None:  # a way to the terminal of its own: see `silence_native_output`
            coding, errors = sys.stderr.encoding, sys.stderr.errors
            sys.stderr = open(os.dup(2), "w", 1, coding, errors)  # noqa: SIM115 - as long as the process lives
        os.setsid()
        die_with(parent)
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        for number in heard:
            signal.signal(number, _stop_at_once)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        code = 1
        try:
            code = self._work(again)
        except SystemExit as error:  # --help
            code = error.code if isinstance(error.code, int) else int(error.code is not None)
            raise
        finally:  # whatever Python knows of is an end that was told; Ray's own exit is none
            for number in heard:
                signal.signal(number, signal.SIG_DFL)
            _tell(ENDED + bytes([code & 255]))
        return code

    def _hand_on(self, number: int, frame: FrameType | None) -> None:
        """A wish to stop is the child's to fulfil."""
        self._stopped = number
        if self._child:
            with suppress(ProcessLookupError):
                os.kill(self._child, number)

    def _pause(self, number: int, frame: FrameType | None) -> None:
        """Ctrl-Z: everyone stops, and goes on with this process."""
        for each in (signal.SIGSTOP, signal.SIGCONT):
            if self._child:
                signal_session(self._child, each)
            if each == signal.SIGSTOP:
                os.kill(os.getpid(), each)  # returns when this process goes on


def _open_standard_streams() -> None:
    """Let no pipe or file of this program take the place of a standard stream that is closed."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def _stop_at_once(number: int, frame: FrameType | None) -> None:
    """Nothing has been begun, or all is done: there is nothing to keep."""
    write_to_terminal("stopped\n")
    _tell(ENDED + bytes([exit_code(number)]))
    os._exit(exit_code(number))


def die_with(parent: int) -> None:
    """Let the system end this process when its parent ends, where the system can (Linux)."""
    try:
        ctypes.CDLL(None).prctl(DEATH_OF_PARENT, signal.SIGKILL, 0, 0, 0)
    except (OSError, AttributeError):
        return
    if os.getppid() != parent:
        os._exit(exit_code(signal.SIGKILL))


def signal_session(session: int, number: int) -> None:
    """Send a signal to all of a session: Ray's processes are of the child's, its lanes in groups of their own."""
    with suppress(ProcessLookupError):
        os.killpg(session, number)
    for entry in os.listdir("/proc") if os.path.isdir("/proc") else ():
        with suppress(ValueError, ProcessLookupError, PermissionError):
            if os.getsid(int(entry)) == session:
                os.kill(int(entry), number)


def _taken_along(status: int, said: bytes) -> bool:
    """Whether Ray ended the child: it exits or aborts; what a user or the system kills is killed by another signal."""
    return RAY in said and not (os.WIFSIGNALED(status) and os.WTERMSIG(status) != signal.SIGABRT)


def _told_end(status: int) -> int:
    """Say how a child ended that did not say it itself; the exit code."""
    if not os.WIFSIGNALED(status):
        return os.waitstatus_to_exitcode(status)
    number = signal.Signals(os.WTERMSIG(status))
    what = "the program crashed" if number in CRASHES else "the program was ended from outside"
    write_to_terminal(f"\nerror: {what} ({number.name}); the same command with --resume goes on after what stands\n")
    return exit_code(os.WTERMSIG(status))
