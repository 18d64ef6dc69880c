"""SIGKILL of each of Ray's own processes in the middle of a run, SIGTERM of all: `python -m tests.faults.ray_deaths`.

Printed for each death: the exit code, and whether the decoded frames and their times are those of the undisturbed run,
or, of a run that was asked to stop, how many frames `NAME.partial.mp4` holds.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.kill_rounds import CLIP, decoded, small_run

ROOT = Path(__file__).resolve().parents[2]
VICTIMS = ("gcs_server", "raylet", "ray::DashboardAgent", "ray::RuntimeEnvAgent", "ray::LaneActor", "log_monitor")
PATIENCE_S = 300.0


def descendants(parent: int) -> dict[int, str]:
    """What runs below a process: the first word of each command line, or the script that Python runs."""
    parents, titles = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            titles[int(entry.name)] = " ".join(words[:3]) if "python" in words[0] else words[0]
    found, fresh = set(), {parent}
    while fresh:
        found |= fresh
        fresh = {pid for pid, above in parents.items() if above in found} - found
    return {pid: titles[pid] for pid in found - {parent}}


def begin(folder: Path, output: Path, *words: str) -> subprocess.Popen[bytes]:
    """Start the product on the clip; it ends its first segments after some seconds."""
    network = {"weights": folder / "random.safetensors", "min_score": 0.0001, "max_people": 1, "engine": "torch"}
    changes = [f"network.{key}={value}" for key, value in network.items()]
    changes += ["decode.max_size=192", "decode.chunk=2", "encode.segment_frames=10", "threads=1"]
    settings = [word for change in changes for word in ("--set", change)]
    command = [sys.executable, "run_pipeline.py", str(CLIP), "-o", str(output), "--overwrite", *settings, *words]
    return subprocess.Popen(command, cwd=ROOT)


def in_the_middle(output: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait for the first whole segment. Raises RuntimeError where none comes."""
    end = time.monotonic() + PATIENCE_S
    while not any(Path(f"{output}.partial").glob("segment_*.mkv")):
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"the run ended with {process.poll()}, or took too long")
        time.sleep(0.02)


def main() -> int:
    """Kill each once; 1 where a frame differs or is lost."""
    failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        small_run(folder)  # for its weights
        calm, output = folder / "calm.mp4", folder / "out.mp4"
        begin(folder, calm, "--serial").wait(PATIENCE_S)
        for victim in VICTIMS:
            process = begin(folder, output)
            in_the_middle(output, process)
            for pid in [pid for pid, title in descendants(process.pid).items() if victim in title][:1]:
                os.kill(pid, signal.SIGKILL)
            code = process.wait(PATIENCE_S)
            same = code == 0 and decoded(output) == decoded(calm)
            failed += not same
            print(f"{victim}: exit {code}, {'the same' if same else 'other'} frames", flush=True)
        output.unlink()
        process = begin(folder, output)
        in_the_middle(output, process)
        for pid in [*descendants(process.pid), process.pid]:
            os.kill(pid, signal.SIGTERM)
        code = process.wait(PATIENCE_S)
        frames = decoded(folder / "out.partial.mp4")[0] if (folder / "out.partial.mp4").exists() else 0
        failed += code != 143 or not frames
        print(f"SIGTERM of all: exit {code}, {frames} frames kept")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
