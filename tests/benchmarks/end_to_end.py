"""Whole-pipeline speed on the demo clip's two people: `python -m tests.benchmarks.end_to_end [--runs N] [--frames N]`.

For each picture size the clip is resized and looped into a file first (not timed). Then the default command runs on it,
with Ray and with --serial; each run's own report gives the figures. Printed: median frames a second without start-up,
the start-up to the first finished frame, CPU milliseconds of every stage per frame, the share of the bound
1 / max(slowest stage, CPU sum / cores) that was reached, and which part of all processes' CPU seconds was the stages':
on a machine that others use as well, that share alone says what the runner costs.
Clips are long enough that the start of a second network, a few seconds of CPU, does not decide.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import av

ROOT = Path(__file__).resolve().parents[2]
SIZES = {(320, 240): 2000, (1280, 720): 800, (800, 1100): 1000}
"""Width and height, and frames."""
TICK = os.sysconf("SC_CLK_TCK")


def looped_clip(source: Path, width: int, height: int, frames: int, target: Path) -> None:
    """Write `frames` frames of `source`, fitted into width x height with black bars, as H.264."""
    with av.open(str(source)) as clip:
        pictures = [frame.to_image() for frame in clip.decode(video=0)]
    fitted = []
    for picture in pictures:
        scale = min(width / picture.width, height / picture.height)
        size = (round(picture.width * scale), round(picture.height * scale))
        canvas = picture.resize((width, height)).point(lambda _: 0)
        canvas.paste(picture.resize(size), ((width - size[0]) // 2, (height - size[1]) // 2))
        fitted.append(canvas)
    with av.open(str(target), "w") as out:
        stream: Any = out.add_stream("libx264", rate=Fraction(25), options={"preset": "veryfast", "crf": "20"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for picture in islice(cycle(fitted), frames):
            out.mux(stream.encode(av.VideoFrame.from_image(picture)))
        out.mux(stream.encode())


def timed_run(clip: Path, folder: Path, extra: list[str]) -> dict[str, Any]:
    """Run the default command on a clip; its report."""
    report = folder / "report.json"
    command = [sys.executable, "run_pipeline.py", str(clip), "-o", str(folder / "out.mp4"), "--overwrite"]
    spent: dict[int, float] = {}
    with (folder / "said.txt").open("w") as said:
        process = subprocess.Popen(
            [*command, "--report", str(report), *extra], cwd=ROOT, stdout=said, stderr=subprocess.STDOUT
        )
        while process.poll() is None:
            spent |= cpu_of_family(process.pid)
            time.sleep(0.1)
    if process.returncode:
        raise SystemExit((folder / "said.txt").read_text())
    facts: dict[str, Any] = json.loads(report.read_text())
    return {**facts, "all_cpu_s": sum(spent.values())}


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


def steady_fps(report: dict[str, Any]) -> float:
    """Frames a second from the first finished frame to the end."""
    frames = sum(one["frames_out"] for one in report["inputs"])
    return frames / max(report["seconds"] - (report["first_frame_s"] or 0.0), 1e-9)


def bound_fps(report: dict[str, Any]) -> float:
    """The most that these stages could give on these cores, from the run's own CPU seconds."""
    frames = sum(one["frames_out"] for one in report["inputs"])
    cpu = sum(stage["cpu_s"] for stage in report["stages"].values())
    slowest = max(stage["cpu_s"] for stage in report["stages"].values())
    return frames / max(slowest, cpu / len(os.sched_getaffinity(0)))


def show(label: str, reports: list[dict[str, Any]]) -> None:
    """Print one line of figures and one of stages."""
    best = sorted(reports, key=steady_fps)[len(reports) // 2]
    frames = sum(one["frames_out"] for one in best["inputs"])
    start = statistics.median(report["first_frame_s"] or 0.0 for report in reports)
    share = steady_fps(best) / bound_fps(best)
    own = sum(stage["cpu_s"] for stage in best["stages"].values()) / best["all_cpu_s"]
    load = os.getloadavg()[0]
    print(
        f"{label:24s} {steady_fps(best):7.1f} fps   start {start:5.2f} s   {share:.2f} of the bound   "
        f"{own:.2f} of all CPU in stages   load {load:.1f}"
    )
    stages = ", ".join(f"{name} {1000 * stage['cpu_s'] / frames:.2f}" for name, stage in best["stages"].items())
    print(f"{'':24s} CPU ms a frame: {stages}", flush=True)


def main() -> None:
    """Measure every size, with Ray and without."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--frames", type=int, help="of every clip; by default enough for its size")
    parser.add_argument("--clip", type=Path, default=ROOT / "configs" / "demo_walk.mp4")
    parser.add_argument("--set", action="append", default=[], dest="changes", help="passed on to every run")
    options = parser.parse_args()
    changes = [word for change in options.changes for word in ("--set", change)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for (width, height), frames in SIZES.items():
            clip = folder / f"{width}x{height}.mp4"
            looped_clip(options.clip, width, height, options.frames or frames, clip)
            for name, extra in (("Ray", []), ("serial", ["--serial"])):
                reports = [timed_run(clip, folder, [*extra, *changes]) for _ in range(options.runs)]
                show(f"{width}x{height} {name}", reports)


if __name__ == "__main__":
    main()
