"""A batch on one worker and on two: `python -m tests.benchmarks.speed.batch_scaling [--videos N] [--frames N]`.

Several copies of the looped demo clip go through the default network. One worker is bound to one core, two to two, each
with one compute thread. Printed: frames a second of both without start-up, their ratio, and the cost of 10,000 hours of
such video.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmarks.speed.end_to_end import ROOT, looped_clip

HOURS, RATE = 10_000, 25
CORE_HOUR_PRICE = 0.02
"""US dollars a core and hour: about the price of the large clouds' spot machines."""


def batch(inputs: Path, output: Path, workers: int) -> dict[str, Any]:
    """Run a batch on some cores; returns its report."""
    report = output.with_suffix(".json")
    cores = sorted(os.sched_getaffinity(0))[:workers]
    command = [
        sys.executable,
        "run_pipeline.py",
        str(inputs),
        "-c",
        "batch",
        "-o",
        f"{output}/",
        "--report",
        str(report),
    ]
    changes = ["--set", f"batch.workers={workers}", "--set", "threads=1"]
    held = ["taskset", "-c", ",".join(map(str, cores))]
    subprocess.run([*held, *command, *changes], cwd=ROOT, check=True, capture_output=True)
    facts: dict[str, Any] = json.loads(report.read_text())
    return facts


def frame_rate(report: dict[str, Any], workers: int) -> float:
    """Frames a second after the first results: one video of each worker ends at about the same time."""
    frames = [one["frames_out"] for one in report["inputs"]]
    return sum(frames[workers:]) / (report["seconds"] - report["first_frame_s"])


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=8)
    parser.add_argument("--frames", type=int, default=500)
    options = parser.parse_args()
    speeds = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "in").mkdir()
        looped_clip(ROOT / "configs" / "demo_walk.mp4", 640, 360, options.frames, folder / "in" / "0.mp4")
        for number in range(1, options.videos):
            shutil.copy(folder / "in" / "0.mp4", folder / "in" / f"{number}.mp4")
        for workers in (1, 2):
            speeds.append(frame_rate(batch(folder / "in", folder / f"out{workers}", workers), workers))
            print(f"{workers} workers: {speeds[-1]:.1f} fps", flush=True)
    core_hours = HOURS * RATE / speeds[0]
    print(f"ratio {speeds[1] / speeds[0]:.2f}")
    print(f"{HOURS} hours at {RATE} fps: {core_hours:.0f} core hours, about ${core_hours * CORE_HOUR_PRICE:.0f}")


if __name__ == "__main__":
    main()
