"""The program as a process: what `run_pipeline.py` and the command `densepose-video` start."""

from __future__ import annotations

from pipeline.supervisor import Restarted, supervise


def run_command(again: Restarted | None) -> int:
    """The program, once it has a process of its own: only there is it loaded."""
    from pipeline.command.cli import main

    return main(again=again)


def start() -> int:
    """Run the program in a process of its own; returns the exit code."""
    return supervise(run_command)
