"""CPU seconds of a program and of all that it started, from /proc."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
KINDS = ("driver", "lanes", "Ray")
"""The program itself, its lanes, and the processes that Ray runs beside them."""


def cpu_of_family(ancestor: int) -> dict[int, float]:
    """CPU seconds so far of a process and of all that descend from it, by process id."""
    known: dict[int, tuple[int, float]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                words = (entry / "stat").read_text().rpartition(")")[2].split()
                known[int(entry.name)] = (int(words[1]), (int(words[11]) + int(words[12])) / TICK)
    family = {ancestor}
    while more := {pid for pid, (parent, _) in known.items() if parent in family} - family:
        family |= more
    return {pid: known[pid][1] for pid in family & set(known)}


def cpu_by_kind(ancestor: int) -> dict[str, float]:
    """The same, summed by kind of process; processes that have ended do not count."""
    sums = dict.fromkeys(KINDS, 0.0)
    for pid, seconds in cpu_of_family(ancestor).items():
        with contextlib.suppress(OSError):
            name = (Path("/proc") / str(pid) / "cmdline").read_bytes()
            lane = name.startswith(b"ray::LaneActor")
            sums["driver" if pid == ancestor else "lanes" if lane else "Ray"] += seconds
    return sums
