"""SIGKILL of a batch's driver while results appear, again and again: `python -m tests.faults.batch_kills --kills 20`.

A batch of small pictures is started, killed at a random moment after its first new result, and started again, until it
was killed often enough; then it runs to its end. Printed for each round: when it was killed and how many results there
were. At the end every result must have the bytes of an undisturbed batch, none may be refused, and nothing else may be
left in the folder of results. `--serial` does without Ray, and dies at more moments a minute.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from tests.faults.random_weights import random_weights

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 300.0


def small_pictures(folder: Path, count: int) -> None:
    """Pictures of noise, each another one."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(count):
        cv2.imwrite(str(folder / f"photo_{number:02d}.png"), rng.integers(0, 255, (64, 96, 3), np.uint8))


def batch_command(folder: Path, out: Path, *more: str) -> list[str]:
    """The command line of a batch through a network that knows nothing, and is quickly loaded."""
    weights = random_weights(folder)
    settings = [f"network.weights={weights}", "network.min_score=0.0001", "network.max_people=1", "threads=1"]
    changes = [word for setting in settings for word in ("--set", setting)]
    return [sys.executable, "run_pipeline.py", str(folder / "in"), "-o", f"{out}/", "-c", "batch", *changes, *more]


def contents(out: Path) -> dict[str, bytes]:
    """The bytes of every file in a folder of results, however deep; not of its manifest."""
    files = [file for file in out.rglob("*") if file.name != "batch.json"]
    return {str(file.relative_to(out)): file.read_bytes() if file.is_file() else b"" for file in files}


def results(out: Path) -> int:
    """How many results have their name."""
    return len(list(out.glob("*.densepose.png")))


def killed_run(command: list[str], out: Path, rng: random.Random) -> int | None:
    """Start a batch and kill it after its next result; its exit code where it ended by itself, else None."""
    before = results(out)
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + PATIENCE_S
    while process.poll() is None and results(out) == before and time.monotonic() < until:
        time.sleep(0.002)
    time.sleep(rng.uniform(0, 0.15))
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    said = process.communicate()[1]
    if process.returncode != -signal.SIGKILL:
        print(said, end="", flush=True)
    return None if process.returncode == -signal.SIGKILL else process.returncode


def main() -> int:
    """Run the rounds; 1 when a result is refused, differs or is missing, or something is left."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--inputs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--serial", action="store_true")
    options = parser.parse_args()
    rng, way = random.Random(options.seed), ["--serial"] if options.serial else []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        small_pictures(folder / "in", options.inputs)
        calm, out = folder / "calm", folder / "out"
        subprocess.run(batch_command(folder, calm, *way), cwd=ROOT, check=True, capture_output=True)
        command = batch_command(folder, out, *way)
        for number in range(options.kills):
            code = killed_run(command, out, rng)
            print(f"kill {number:3d}: {results(out)} results; exit {code}", flush=True)
            if code is not None:
                break
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        same, left = contents(out) == contents(calm), sorted(set(contents(out)) - set(contents(calm)))
    print(f"{ended.stderr}exit {ended.returncode}; the bytes of an undisturbed batch: {same}; left over: {left}")
    return 0 if ended.returncode == 0 and same and code in (None, 0) else 1


if __name__ == "__main__":
    sys.exit(main())
