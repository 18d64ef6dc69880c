"""How much memory a film of very large frames takes: `python -m tests.faults.memory [--side 8192] [--serial]`.

Makes a film of grey frames, runs the default command over it, adds up what all of its processes take (shared pages
counted once), and fails above --most megabytes.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import av
import numpy as np


def make_film(path: Path, side: int, frames: int) -> None:
    """Frames of one grey each, which takes little time and no place."""
    with av.open(str(path), "w") as file:
        stream: Any = file.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width = stream.height = side
        stream.pix_fmt = "yuv420p"
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(np.full((side * 3 // 2, side), 40 + number, np.uint8), format="yuv420p")
            file.mux(stream.encode(frame))
        file.mux(stream.encode())


def family(root: int) -> list[int]:
    """A process and all that it started."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError, ValueError):
            stat = Path(f"/proc/{int(entry)}/stat").read_text()
            children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry))
    found = [root]
    for one in found:
        found += children.get(one, [])
    return found


def taken_mb(root: int) -> float:
    """Megabytes of a process and all that it started."""
    taken = 0
    for one in family(root):
        with contextlib.suppress(OSError, IndexError):
            taken += int(Path(f"/proc/{one}/smaps_rollup").read_text().partition("\nPss:")[2].split()[0])
    return taken / 1024


def main() -> int:
    """Make, run, measure; 1 when it takes too much or fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=8192)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--most", type=float, default=5200, help="megabytes")
    parser.add_argument("--serial", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        film = Path(temporary) / "film.mp4"
        make_film(film, options.side, options.frames)
        command = [sys.executable, "run_pipeline.py", str(film), "-o", f"{temporary}/out.mp4"]
        running = subprocess.Popen(command + ["--serial"] * options.serial)
        peak = 0.0
        while running.poll() is None:
            peak = max(peak, taken_mb(running.pid))
            time.sleep(0.2)
    print(f"{options.frames} frames of {options.side}×{options.side}: {peak:.0f} MB at most, exit {running.returncode}")
    return 1 if peak > options.most or running.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
