"""What only Unix has is not needed to load the program: Windows users run it, too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_architecture import imports, modules

pytestmark = pytest.mark.quick

MODULES = {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "posix", "readline", "nis", "spwd"}
NAMES = {
    "os": {
        *("fork", "forkpty", "setsid", "getsid", "killpg", "getpgid", "setpgid", "getpgrp", "getuid", "geteuid"),
        *("getgid", "getegid", "sched_getaffinity", "sched_setaffinity", "nice", "getpriority", "setpriority"),
        *("mkfifo", "WIFSIGNALED", "WTERMSIG", "WEXITSTATUS", "statvfs", "fchown", "chown", "sysconf", "getloadavg"),
        *("uname", "openpty", "O_NOFOLLOW", "O_DIRECTORY", "O_NONBLOCK", "O_CLOEXEC", "O_TMPFILE", "sendfile"),
    },
    "signal": {
        *("SIGHUP", "SIGBUS", "SIGTSTP", "SIGSTOP", "SIGCONT", "SIGKILL", "SIGCHLD", "SIGUSR1", "SIGUSR2", "SIGALRM"),
        *("SIGPIPE", "SIGQUIT", "SIGWINCH", "SIGPROF", "SIGXCPU", "SIGXFSZ", "pthread_sigmask", "SIG_BLOCK"),
        *("SIG_UNBLOCK", "SIG_SETMASK", "pthread_kill", "setitimer", "ITIMER_REAL", "alarm", "pause", "sigwait"),
    },
    "time": {"pthread_getcpuclockid", "clock_gettime", "CLOCK_MONOTONIC", "CLOCK_THREAD_CPUTIME_ID", "tzset"},
    "socket": {"AF_UNIX"},
}
"""What Python's documentation marks as "Availability: Unix" or "not Windows"."""


def run_at_import(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a module that run when it is imported: all but the bodies of functions."""
    yield node
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        defaults = [value for value in (*node.args.defaults, *node.args.kw_defaults) if value is not None]
        for child in (*node.decorator_list, *defaults):
            yield from run_at_import(child)
    elif not isinstance(node, ast.Lambda):
        for child in ast.iter_child_nodes(node):
            yield from run_at_import(child)


def only_unix(source: str) -> list[str]:
    """What a module needs of Unix: modules that it imports anywhere, and names that it reads when it is imported."""
    tree = ast.parse(source)
    found = [name for name in imports(tree) if name.partition(".")[0] in MODULES]
    for node in run_at_import(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found += [f"{node.value.id}.{node.attr}"] if node.attr in NAMES.get(node.value.id, ()) else []
    return found


def test_nothing_of_unix_is_needed_to_load_the_program(root: Path) -> None:
    files = [*modules("models", "stages", "pipeline", "densepose_video"), root / "run_pipeline.py"]
    found = {str(file.relative_to(root)): only_unix(file.read_text(encoding="utf-8")) for file in files}
    assert {file: names for file, names in found.items() if names} == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import fcntl", ["fcntl"]),
        ("def lock():\n    from fcntl import flock", ["fcntl.flock"]),
        ("import signal\nCRASHES = (signal.SIGBUS,)", ["signal.SIGBUS"]),
        ("import os\ndef free(cores=os.sched_getaffinity(0)): ...", ["os.sched_getaffinity"]),
        ("import os\nclass Process:\n    leader = os.getsid(0)", ["os.getsid"]),
        ("import os\ndef child():\n    return os.fork()", []),
    ],
)
def test_the_rule_finds_what_it_is_for(source: str, found: list[str]) -> None:
    assert only_unix(source) == found
