"""`run_pipeline.py doctor`: what this machine can do, what is missing, and what to do about it."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO

from pipeline.actors.ray_folder import make_ray_folder, remove_ray_folder
from pipeline.command.api import run
from pipeline.command.terminal import one_line
from pipeline.configuration.graph import Lane, read_node, stage_class
from pipeline.configuration.plan import GB, auto_threads, read_machine
from pipeline.jobs.inputs import UsageError
from pipeline.lane.worker import LaneWorker
from pipeline.stage import Job, PlainError

MEASURED_WIDTHS = (640, 1280)
COMMON_SIZES = ((640, 360), (1280, 720), (1920, 1080))
SHORT_RUN, LONG_RUN = 4, 24
"""Frames of two runs, whose difference in time has no share of their beginning."""
EXAMINING_STAGE = "doctor"
"""The stage that examines codecs, networks and weights."""


def examine(words: Sequence[str], table: Mapping[str, str], out: TextIO) -> int:
    """Print the findings; returns 0, or 1 when the default run will not work here.

    Raises UsageError for further arguments, PlainError when the examination itself fails.
    """
    if words:
        raise UsageError("doctor takes no arguments", words[0], "leave it out")
    for name, value in _basics():
        out.write(f"  {name:<12} {value}\n")
    works = True
    for name, place, refusal in _places():
        out.write(f"{'!' if refusal else ' '} {name:<12} {refusal or place}\n")
        works = works and not refusal
    for fact in _findings(table):
        mark = " " if fact.fine else "!"
        out.write(f"{mark} {fact.name:<12} {one_line(fact.value)}\n")
        if not fact.fine and fact.remedy:
            out.write(f"  {'':<12} → {fact.remedy}\n")
        works = works and not (fact.needed and not fact.fine)
    if works:
        out.write(f"  {'speed':<12} {_speed(table)}\n")
    verdict = "the default run works here" if works else "the default run does not work here yet; see the lines with !"
    out.write(verdict + "\n")
    return 0 if works else 1


def _speed(table: Mapping[str, str]) -> str:
    """Frames per second of one process for common sizes, measured on frames of the demo clip, which show two people."""
    measured = []
    _run_seconds(MEASURED_WIDTHS[0], SHORT_RUN, table)  # the first run loads and compiles
    for width in MEASURED_WIDTHS:
        spent_s = _run_seconds(width, LONG_RUN, table) - _run_seconds(width, SHORT_RUN, table)
        measured.append(max(spent_s, 1e-3) / (LONG_RUN - SHORT_RUN))
    return ", ".join(f"{width}×{height} {rate:.0f}" for (width, height), rate in expected_rates(measured)) + (
        " frames a second in one process (two people); Ray adds lanes side by side"
    )


def expected_rates(frame_s: Sequence[float]) -> list[tuple[tuple[int, int], float]]:
    """Frames per second for common sizes, from the seconds of a frame of each of `MEASURED_WIDTHS`.

    A frame costs a constant and a part in proportion to its pixels.

    >>> expected_rates([0.02, 0.05])
    [((640, 360), 50.0), ((1280, 720), 20.0), ((1920, 1080), 10.0)]
    """
    small, large = (width * width for width in MEASURED_WIDTHS)
    slope = max(frame_s[1] - frame_s[0], 0.0) / (large - small)
    seconds = [frame_s[0] + slope * (width * width - small) for width, _ in COMMON_SIZES]
    return [(size, round(1 / one, 1)) for size, one in zip(COMMON_SIZES, seconds, strict=True)]


def _run_seconds(width: int, frames: int, table: Mapping[str, str]) -> float:
    """Wall time of a run over the first frames of the demo clip, scaled to a width."""
    settings = {"decode.max_size": width, "decode.end_frame": frames}
    begun = time.perf_counter()
    for _ in run("video", settings=settings, table=table):
        pass
    return time.perf_counter() - begun


def _basics() -> list[tuple[str, str]]:
    machine = read_machine()
    shared = Path("/dev/shm")
    return [
        ("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()} ({sys.executable})"),
        ("cores", f"{machine.cpus}, of which a lane uses {auto_threads(machine.cpus)}"),
        ("memory", f"{machine.memory / GB:.1f} GB free"),
        ("Ray", version("ray") if importlib.util.find_spec("ray") else "not installed: use --serial"),
        ("shared mem.", "/dev/shm" if shared.is_dir() else "none: Ray will use slower files"),
    ]


def _places() -> list[tuple[str, str, str]]:
    """The folders that the default run writes to: name, path, and why it cannot write there."""
    found = []
    try:
        folder = make_ray_folder()
        found.append(("temporary", f"{Path(folder.path).parent} (Ray's own folder)", ""))
        remove_ray_folder(folder)
    except PlainError as error:
        found.append(("temporary", "", str(error)))
    here = os.getcwd()
    refusal = "" if os.access(here, os.W_OK | os.X_OK) else f"{here} cannot be written to; go to another, or give -o"
    return [*found, ("results", here, refusal)]


def _findings(table: Mapping[str, str]) -> list[Any]:
    """Run the examining stage, which has no packets; returns its receipts."""
    node = read_node(EXAMINING_STAGE, stage_class(EXAMINING_STAGE, table))
    lane = Lane(name=EXAMINING_STAGE, nodes=(node,), ordered=True, imports=(), exports=(), onward=(), last=True)
    worker = LaneWorker(lane, {EXAMINING_STAGE: node.cls.Config()}, threads=1)
    job = Job(index=0, input="", output=None, stem=EXAMINING_STAGE)
    facts: list[Any] = []
    while True:
        step, _ = worker.pull(job, 0)
        if step.failure:
            raise step.failure.error()
        facts += step.receipts
        if step.ended:
            return facts
