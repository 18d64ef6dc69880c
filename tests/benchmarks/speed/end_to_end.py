"""Speed of the whole pipeline on the demo clip's two people.

    python -m tests.benchmarks.speed.end_to_end [--runs N] [--frames N]

For each frame size the clip is resized and looped into a file first (not timed). Then the default command processes it,
with Ray and with --serial, and the run's own report gives the figures. Printed: median frames a second without
start-up; the start-up to the first finished frame; the share of the bound 1 / max(slowest stage, CPU sum / cores); CPU
milliseconds a frame of every stage; and those of all processes from the first finished frame on, by kind. The share has
two factors: the stages' part of all CPU time, and the use of the cores (`used`: CPU time of all processes over cores
and clock). On a machine that others use, only the first has a meaning.
"""

from __future__ import annotations

import argparse
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

from tests.benchmarks.speed.processes import cpu_by_kind

ROOT = Path(__file__).resolve().parents[3]
SIZES = {(320, 240): 6000, (1280, 720): 2000, (800, 1100): 2500}
"""Width, height, frames: at least half a minute each, so that starts and ends are short beside it."""
LOOK_EVERY_S = 0.5


def looped_clip(source: Path, width: int, height: int, frames: int, target: Path) -> None:
    """Write `frames` frames of `source`, fitted into width x height with black bars, as H.264."""
    with av.open(str(source)) as clip:
        images = [frame.to_image() for frame in clip.decode(video=0)]
    fitted = []
    for image in images:
        scale = min(width / image.width, height / image.height)
        size = (round(image.width * scale), round(image.height * scale))
        canvas = image.resize((width, height)).point(lambda _: 0)
        canvas.paste(image.resize(size), ((width - size[0]) // 2, (height - size[1]) // 2))
        fitted.append(canvas)
    with av.open(str(target), "w") as out:
        stream: Any = out.add_stream("libx264", rate=Fraction(25), options={"preset": "veryfast", "crf": "20"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for image in islice(cycle(fitted), frames):
            out.mux(stream.encode(av.VideoFrame.from_image(image)))
        out.mux(stream.encode())


def timed_run(clip: Path, folder: Path, extra: list[str]) -> dict[str, Any]:
    """Run the default command on a clip; returns its report."""
    report = folder / "report.json"
    command = [sys.executable, "run_pipeline.py", str(clip), "-o", str(folder / "out.mp4"), "--overwrite"]
    began, looks = time.perf_counter(), []
    with (folder / "said.txt").open("w") as said:
        process = subprocess.Popen(
            [*command, "--report", str(report), *extra], cwd=ROOT, stdout=said, stderr=subprocess.STDOUT
        )
        while process.poll() is None:
            looks.append((time.perf_counter() - began, cpu_by_kind(process.pid)))
            time.sleep(LOOK_EVERY_S)
    if process.returncode:
        raise SystemExit((folder / "said.txt").read_text())
    facts: dict[str, Any] = json.loads(report.read_text())
    return {**facts, **steady_cpu(looks, facts["first_frame_s"], facts["seconds"])}


def steady_cpu(looks: list[tuple[float, dict[str, float]]], first_s: float, last_s: float) -> dict[str, Any]:
    """CPU seconds by kind of process between two samples, soon after the first frame and soon before the end, and
    the seconds between them."""
    early = next(look for look in looks if look[0] >= first_s)
    late = [look for look in looks if look[0] <= last_s][-1]
    return {"steady_s": late[0] - early[0], "steady_cpu_s": {kind: late[1][kind] - early[1][kind] for kind in late[1]}}


def steady_fps(report: dict[str, Any]) -> float:
    """Frames a second from the first finished frame to the end."""
    frames = sum(one["frames_out"] for one in report["inputs"])
    return frames / max(report["seconds"] - (report["first_frame_s"] or 0.0), 1e-9)


def bound_fps(report: dict[str, Any]) -> float:
    """Upper bound of these stages' frames a second on these cores, from the run's CPU seconds."""
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
    busy = sum(best["steady_cpu_s"].values()) / best["steady_s"]
    used = busy / len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    print(
        f"{label:24s} {steady_fps(best):7.1f} fps   start {start:5.2f} s   {share:.2f} of the bound   "
        f"used {used:.2f}   load {load:.1f}"
    )
    stages = ", ".join(f"{name} {1000 * stage['cpu_s'] / frames:.2f}" for name, stage in best["stages"].items())
    print(f"{'':24s} CPU ms a frame: {stages}")
    per_frame = 1000 / (best["steady_s"] * steady_fps(best))
    kinds = ", ".join(f"{kind} {seconds * per_frame:.2f}" for kind, seconds in best["steady_cpu_s"].items() if seconds)
    own = sum(stage["cpu_s"] for stage in best["stages"].values()) * 1000 / frames
    print(f"{'':24s} stages {own:.2f}, all processes {1000 * busy / steady_fps(best):.2f}: {kinds}", flush=True)


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
