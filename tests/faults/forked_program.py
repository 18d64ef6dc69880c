"""The program in a process of its own that need not load its libraries: it is forked from one that has them."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import sys
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory

import pytest

from pipeline.configuration.plan import process_environment

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["torch", "torchvision", "cv2", "av", "scipy.spatial", "openvino", "pipeline.command.cli"])


def run_forked(*words: str, changed: str = "", place: Path) -> CompletedProcess[str]:
    """Run the program in a folder, changed by lines that may call `kill()`; both outputs stand in `stderr`."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        for name, value in process_environment(1).items():  # libraries read it when they are loaded
            patch.setenv(name, value)
        said = Path(folder) / "said.txt"
        process = FORKS.Process(target=_carry_out, args=(words, changed, place, said))
        process.start()
        process.join()
        return CompletedProcess(words, process.exitcode or 0, stderr=said.read_text())


def _carry_out(words: tuple[str, ...], changed: str, place: Path, said: Path) -> None:
    for output in (1, 2):
        os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND), output)
    os.chdir(place)
    exec(changed, {"kill": lambda *_: os.kill(os.getpid(), signal.SIGKILL)})
    from pipeline.command.cli import main

    code = main(words)
    atexit._run_exitfuncs()
    sys.exit(code)
