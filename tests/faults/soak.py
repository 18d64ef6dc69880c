"""A long run, and the memory of every process in it: `python -m tests.faults.soak [--frames 100000] [--serial]`.

The demo clip, looped, through the default command. Every few seconds the resident memory that each process has for
itself (not what it shares: the object store has a fixed size) is noted. Printed for each process that lived to the end:
memory in the middle and at the end, and the slope of a straight line through the second half, in MB per 1000 frames.
1 when any process grows by more than 0.5 MB per 1000 frames, or when frames are missing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tests.benchmarks.speed.end_to_end import ROOT, looped_clip
from tests.benchmarks.speed.processes import cpu_of_family

EVERY_S = 2.0
MOST_MB = 0.5
Samples = dict[tuple[int, str], list[tuple[float, float]]]


def own_memory(process: int) -> tuple[str, float]:
    """Title and resident megabytes of a process, without what it shares with others. Raises OSError when it is gone."""
    place = Path("/proc") / str(process)
    status = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines())
    title = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:40] or status["Name"]
    return title.strip(), int(status["RssAnon"].split()[0]) / 1024


def watch(command: list[str], said: Path) -> tuple[Samples, float]:
    """Run a command to its end; (seconds, megabytes) of every process below it, and the seconds it took."""
    samples: Samples = {}
    started = time.monotonic()
    with said.open("w") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out)
        while process.poll() is None:
            for member in cpu_of_family(process.pid):
                with contextlib.suppress(OSError, KeyError):
                    title, megabytes = own_memory(member)
                    samples.setdefault((member, title), []).append((time.monotonic() - started, megabytes))
            time.sleep(EVERY_S)
    if process.returncode:
        raise SystemExit(said.read_text())
    return samples, time.monotonic() - started


def main() -> int:
    """Run, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--serial", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        looped_clip(ROOT / "configs" / "demo_walk.mp4", 320, 240, options.frames, folder / "in.mp4")
        report = folder / "report.json"
        command = [sys.executable, "run_pipeline.py", str(folder / "in.mp4"), "-o", str(folder / "out.mp4")]
        way = ["--serial"] if options.serial else []
        samples, seconds = watch([*command, "--report", str(report), *way], folder / "said.txt")
        whole = json.loads(report.read_text())["inputs"][0]["frames_out"] == options.frames
    worst = 0.0
    for (_, title), points in samples.items():
        time_N, memory_N = np.array(points).T
        if time_N[-1] < 0.9 * seconds or time_N[0] > 0.5 * seconds:
            continue
        late = time_N > 0.5 * seconds
        slope = np.polyfit(time_N[late], memory_N[late], 1)[0] * seconds / options.frames * 1000
        worst = max(worst, slope)
        middle = memory_N[late][0]
        print(f"{title:40s} {middle:8.1f} MB → {memory_N[-1]:8.1f} MB   {slope:+.3f} MB per 1000 frames")
    print(f"{options.frames} frames in {seconds:.0f} s, {'none' if whole else 'some'} missing; worst {worst:+.3f}")
    return 0 if whole and worst <= MOST_MB else 1


if __name__ == "__main__":
    sys.exit(main())
