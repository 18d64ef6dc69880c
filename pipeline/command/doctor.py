"""`run_pipeline.py doctor`: what this machine can do, what is missing, and what to do about it."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO

from pipeline.actors.ray_folder import make_ray_folder, remove_ray_folder
from pipeline.command.terminal import one_line
from pipeline.configuration.graph import Lane, read_node, stage_class
from pipeline.configuration.plan import GB, auto_threads, read_machine
from pipeline.jobs.inputs import UsageError
from pipeline.lane.worker import LaneWorker
from pipeline.stage import Job, PlainError

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
    verdict = "the default run works here" if works else "the default run does not work here yet; see the lines with !"
    out.write(verdict + "\n")
    return 0 if works else 1


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
