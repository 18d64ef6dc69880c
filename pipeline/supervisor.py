"""The supervisor: the process that a user starts. A child process does the work, and is restarted where Ray ended it.

When one of Ray's own processes dies, Ray ends the process that drives it without a message. The work is therefore done
by a child process. The supervisor forwards signals to it and reports how it ended; where Ray ended it, the supervisor
starts it again, and the run resumes after its committed parts. The child has its own session: a signal that a terminal
or a shell sends to the whole group reaches only the supervisor, which forwards it once.

This module imports only the standard library, so that it starts at once and needs little memory.
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
from typing import NoReturn

from pipeline.interrupts import exit_code, show_nothing, stopping_signals, write_to_terminal

TRIES = 3
"""How many times Ray may end the child, each time within `SOON_S` of the last, before the supervisor gives up."""
SOON_S = 600.0
ENDED, RAY, RECORDING = b"e", b"r", b"s"
LOST_STATUS = 1
CRASHES = (signal.SIGSEGV, signal.SIGFPE, signal.SIGILL, signal.SIGABRT, getattr(signal, "SIGBUS", None))
DEATH_OF_PARENT = 1
"""`PR_SET_PDEATHSIG` of Linux."""
LOST = "Ray ended (one of its own processes died: killed, or out of memory)"
GIVEN_UP = f"error: {LOST}, {TRIES} times; run the same command with --resume to continue, or with --serial\n"
_MOST_FILES = 65_536
"""More than the number of files that a process has open where it starts."""
_report_fd: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted:
    """A run that the supervisor has started again.

    Attributes:
        times: how often it was started again.
        since: when the first start was, in seconds since 1970.
        stopped: the signal that stopped the run before Ray ended, or None.
        given_up: whether the run is not started any more after this.
    """

    times: int
    since: float
    stopped: int | None = None
    given_up: bool = False

    @property
    def only_saves(self) -> bool:
        """Whether the run only saves what an earlier start has left."""
        return self.given_up or self.stopped is not None


Work = Callable[[Restarted | None], int]


def supervise(work: Work) -> int:
    """Do the work in a child process, and start it again where Ray ended it; returns the exit code.

    Args:
        work: the program. It gets None at the first start, and returns its exit code.
    """
    if not hasattr(os, "fork"):
        return work(None)
    guard = _Guard()
    supervisor = _Supervisor(work, guard)
    code = supervisor.run()
    if not supervisor.is_child:
        guard.end()
    return code


def silence_native_output() -> None:
    """From here on only this program's own messages reach the terminal, not what native code writes to stderr."""
    if _report_fd is not None and sys.stderr is not None and sys.stderr.fileno() != 2:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)


def ray_starts() -> None:
    """Report that Ray starts: if this process ends from here on without a report, Ray ended it."""
    _report(RAY)


def recording_starts() -> None:
    """Report that a recording starts: if this process is lost, another one saves what is complete of it."""
    _report(RECORDING)


def restart_program() -> None:
    """End this process, because Ray is lost, so that the supervisor starts it again; returns if there is none."""
    if _report_fd is not None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(LOST_STATUS)


def _report(word: bytes) -> None:
    if _report_fd is not None:
        os.write(_report_fd, word)


class _Guard:
    """A process that ends what is left of the child's session when the supervisor is killed.

    The child itself then ends with the supervisor, but Ray's own processes would live on for minutes.
    """

    def __init__(self) -> None:
        """Start the process; it waits for the end of a pipe whose other end this process alone holds."""
        read_end, self._pipe = os.pipe()
        self._process = os.fork()
        if self._process == 0:
            self._watch(read_end)
        os.close(read_end)

    def watch(self, session: int) -> None:
        """Name the session of the child; 0 when it has ended."""
        with suppress(OSError):  # somebody ended the guard
            os.write(self._pipe, b"%d " % session)

    def leave(self) -> None:
        """Close this end of the pipe in the child."""
        os.close(self._pipe)

    def end(self) -> None:
        """End the process: there is nothing left to guard."""
        os.close(self._pipe)
        with suppress(ChildProcessError):
            os.waitpid(self._process, 0)

    def _watch(self, read_end: int) -> NoReturn:
        """The guard's life; it holds no file of the program but the pipe."""
        os.setsid()
        for number in stopping_signals():
            signal.signal(number, signal.SIG_IGN)  # what ends the supervisor ends this process after it
        show_nothing(0, 1, 2)
        os.closerange(3, read_end)
        os.closerange(read_end + 1, _MOST_FILES)
        sessions = b""
        while part := os.read(read_end, 4096):
            sessions = (sessions + part)[-64:]
        session = int(sessions.split()[-1]) if sessions.split() else 0
        if session:
            signal_session(session, signal.SIGKILL)
        os._exit(0)


class _Supervisor:
    def __init__(self, work: Work, guard: _Guard) -> None:
        self._work = work
        self._guard = guard
        self._child: int | None = None
        self._stopped: int | None = None

    @property
    def is_child(self) -> bool:
        """Whether this process is the child."""
        return self._child == 0

    def run(self) -> int:
        """See `supervise`."""
        _open_standard_streams()
        signals = stopping_signals()
        for number in signals:
            signal.signal(number, self._forward)
        signal.signal(signal.SIGTSTP, self._pause)
        since, times, begun, stopped = time.time(), 0, time.monotonic(), None
        while True:
            again = Restarted(times=times, since=since, stopped=stopped) if times else None
            status, reports = self._once(again, signals)
            if self._child == 0:  # in the child, after its work
                return status
            if ENDED in reports:
                return reports[-1]
            if stopped is not None:
                return exit_code(stopped)
            if not _ended_by_ray(status, reports):
                return self._save_recording(_report_end(status), reports, since, signals)
            stopped, now = self._stopped, time.monotonic()
            times, begun = (times + 1 if now - begun < SOON_S else 1), now
            if times >= TRIES and stopped is None:
                write_to_terminal(GIVEN_UP)
                return self._save_recording(1, reports, since, signals)
            if stopped is None:
                write_to_terminal(f"\n{LOST}: it is started again, and the run resumes after its committed parts\n")

    def _save_recording(
        self, code: int, reports: bytes, since: float, signals: tuple[signal.Signals, ...]
    ) -> int:
        """Let a last child save the recording of one that is lost; returns the exit code. In the child: its own."""
        if RECORDING not in reports:
            return code
        status, _ = self._once(Restarted(times=1, since=since, stopped=self._stopped, given_up=True), signals)
        return status if self._child == 0 else code

    def _once(self, again: Restarted | None, signals: tuple[signal.Signals, ...]) -> tuple[int, bytes]:
        """Start the child and wait for it; returns its status and its reports. In the child: the work's exit code."""
        read_end, write_end = os.pipe()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        parent = os.getpid()
        self._child = os.fork()
        if self._child == 0:
            os.close(read_end)
            self._guard.leave()
            return self._in_the_child(write_end, parent, again, signals, before), b""
        os.close(write_end)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        session = self._child
        self._guard.watch(session)
        _, status = os.waitpid(session, 0)
        self._child = None
        os.set_blocking(read_end, False)
        try:
            reports = os.read(read_end, 64)
        except BlockingIOError:  # no report, and a process that the child left behind holds the other end
            reports = b""
        os.close(read_end)
        if ENDED not in reports:
            signal_session(session, signal.SIGKILL)
        self._guard.watch(0)
        return status, reports

    def _in_the_child(
        self,
        write_end: int,
        parent: int,
        again: Restarted | None,
        signals: tuple[signal.Signals, ...],
        before: set[int | signal.Signals],
    ) -> int:
        global _report_fd
        _report_fd = write_end
        if sys.stderr is not None:  # a file descriptor of its own: see `silence_native_output`
            coding, errors = sys.stderr.encoding, sys.stderr.errors
            sys.stderr = open(os.dup(2), "w", 1, coding, errors)  # noqa: SIM115 - as long as the process lives
        os.setsid()
        die_with(parent)
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        for number in signals:
            signal.signal(number, _stop_at_once)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        code = 1
        try:
            code = self._work(again)
        except SystemExit as error:  # --help
            code = error.code if isinstance(error.code, int) else int(error.code is not None)
            raise
        finally:  # every end that Python knows of is reported; an exit by Ray is not
            for number in signals:
                signal.signal(number, signal.SIG_DFL)
            _report(ENDED + bytes([code & 255]))
        return code

    def _forward(self, number: int, frame: FrameType | None) -> None:
        """Forward a stopping signal to the child."""
        self._stopped = number
        if self._child:
            with suppress(ProcessLookupError):
                os.kill(self._child, number)

    def _pause(self, number: int, frame: FrameType | None) -> None:
        """Ctrl-Z: suspend all processes; they continue with this one."""
        for each in (signal.SIGSTOP, signal.SIGCONT):
            if self._child:
                signal_session(self._child, each)
            if each == signal.SIGSTOP:
                os.kill(os.getpid(), each)  # returns when this process continues


def _open_standard_streams() -> None:
    """Open closed standard streams on the null device, so that no pipe or file of this program gets their numbers."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def _stop_at_once(number: int, frame: FrameType | None) -> None:
    """Stop without saving: the work has not begun, or is done."""
    write_to_terminal("stopped\n")
    _report(ENDED + bytes([exit_code(number)]))
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
    """Send a signal to every process of a session; Ray's processes are in the child's session, in other groups."""
    with suppress(ProcessLookupError):
        os.killpg(session, number)
    for entry in os.listdir("/proc") if os.path.isdir("/proc") else ():
        with suppress(ValueError, ProcessLookupError, PermissionError):
            if os.getsid(int(entry)) == session:
                os.kill(int(entry), number)


def _ended_by_ray(status: int, reports: bytes) -> bool:
    """Whether Ray ended the child. Ray exits or aborts; users and the system kill with other signals."""
    return RAY in reports and not (os.WIFSIGNALED(status) and os.WTERMSIG(status) != signal.SIGABRT)


def _report_end(status: int) -> int:
    """Report how a child ended that reported nothing; returns the exit code."""
    if not os.WIFSIGNALED(status):
        return os.waitstatus_to_exitcode(status)
    number = signal.Signals(os.WTERMSIG(status))
    what = "the program crashed" if number in CRASHES else "the program was ended from outside"
    write_to_terminal(f"\nerror: {what} ({number.name}); run the same command with --resume to continue\n")
    return exit_code(os.WTERMSIG(status))
