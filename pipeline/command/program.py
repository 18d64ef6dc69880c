"""The program as a process: what `run_pipeline.py` and the command `densepose-video` start."""

from __future__ import annotations

import sys

from pipeline.supervisor import Restarted, supervise
from pipeline.version import PACKAGE


def run_command(again: Restarted | None) -> int:
    """The program, once it has a process of its own: only there is it loaded."""
    try:
        from pipeline.command.cli import main
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == PACKAGE:
            raise
        sys.stderr.write(f"error: the package '{error.name}' is not installed; run `pip install .` in the clone\n")
        return 1

    return main(again=again)


def start() -> int:
    """Run the program in a process of its own; returns the exit code."""
    return supervise(run_command)
