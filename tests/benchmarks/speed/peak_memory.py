"""Peak memory of the default command: `python -m tests.benchmarks.speed.peak_memory [--frames N]`.

The demo clip is looped at three sizes, and the default command processes it under Ray and with --serial. Printed: the
largest sum, sampled every fifth of a second, over the program and all its descendants (Ray's own included), of memory
that is theirs alone or shared among them, without libraries (files, which the system may drop); the number of
processes; and the peak of the largest process with libraries.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.speed.end_to_end import ROOT, looped_clip

SIZES = ((320, 240), (1280, 720), (1920, 1080))
EVERY_S = 0.2
MB = 1 << 10
"""Kilobytes, the kernel's unit, in a megabyte."""


def family(process: int) -> Iterator[int]:
    """A process and all that descend from it."""
    yield process
    for listed in Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            for child in map(int, listed.read_text().split()):
                yield from family(child)


def memory_kb(process: int) -> tuple[int, int]:
    """Kilobytes of a process without file pages (shared memory is divided among its users), and its peak with them."""
    fields: dict[str, int] = {}
    with contextlib.suppress(OSError):  # it ended meanwhile
        for file in ("smaps_rollup", "status"):
            for line in Path(f"/proc/{process}/{file}").read_text().splitlines():
                if line.endswith(" kB"):
                    name, amount = line.split()[:2]
                    fields[name] = int(amount)
    return fields.get("Pss_Anon:", 0) + fields.get("Pss_Shmem:", 0), fields.get("VmHWM:", 0)


def peak(clip: Path, result: Path, extra: list[str]) -> tuple[int, int, int]:
    """Run the default command on a clip: kilobytes at the peak, processes then, the largest process's peak."""
    command = [sys.executable, "run_pipeline.py", str(clip), "-o", str(result), "--overwrite", *extra]
    most, highest = (0, 0), 0
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        memories = [memory for one in family(process.pid) if (memory := memory_kb(one))[0]]
        if memories:
            own, peaks = zip(*memories, strict=True)
            most, highest = max(most, (sum(own), len(own))), max(highest, *peaks)
        time.sleep(EVERY_S)
    if process.returncode:
        raise SystemExit(f"the run ended with {process.returncode}: {' '.join(command)}")
    return *most, highest


def main() -> None:
    """Measure every size, with Ray and without."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--set", action="append", default=[], dest="changes", help="passed on to every run")
    options = parser.parse_args()
    changes = [word for change in options.changes for word in ("--set", change)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for width, height in SIZES:
            clip = folder / f"{width}x{height}.mp4"
            looped_clip(ROOT / "configs" / "demo_walk.mp4", width, height, options.frames, clip)
            for name, extra in (("Ray", []), ("serial", ["--serial"])):
                total, count, highest = peak(clip, folder / "out.mp4", [*extra, *changes])
                print(
                    f"{width}x{height} {name:7s} {total // MB:5d} MB in {count} processes, one held {highest // MB} MB",
                    flush=True,
                )


if __name__ == "__main__":
    main()
