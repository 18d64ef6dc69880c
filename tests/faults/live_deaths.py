"""A long live run whose decoding lane is killed, then all of it, then goes on: `python -m tests.faults.live_deaths`.

The clip is played over and over as a live source, so that more frames are taken than the tracker's arithmetic bears if
their numbers ever fall (4,368). Printed at each step: how many frames were recorded. At the end the numbers that the
last lane heard of must rise but where it went back to its last segment, no frame may have been let through
unprocessed, and the recording must be whole.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import av

from tests.faults.kill_rounds import CLIP, small_run

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 1800.0
RATE = 50
SLOWEST = 6
"""Frames a second that a busy machine still records."""


def long_film(path: Path, seconds: int) -> None:
    """The clip again and again, small, at 50 frames a second."""
    with av.open(str(CLIP)) as clip:
        pictures = [frame.reformat(width=128, height=72).to_ndarray(format="yuv420p") for frame in clip.decode(video=0)]
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=RATE, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 128, 72, "yuv420p"
        for number in range(RATE * seconds):
            frame = av.VideoFrame.from_ndarray(pictures[number // 2 % len(pictures)], format="yuv420p")
            frame.pts = number
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))


def events(path: Path) -> Iterator[dict[str, object]]:
    """The lines of a log that are whole."""
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            yield json.loads(line)
        except ValueError:
            return


def recorded(log: Path) -> list[int]:
    """First frames of the packets that the last lane worked on, in the order in which it did."""
    return [int(str(one["first"])) for one in events(log) if one["event"] == "packet" and one["lane"] == "out"]


def decoding_process(profile: Path) -> int:
    """The newest process that `live_decode` ran in."""
    bars = [json.loads(line.rstrip(",")) for line in profile.read_text().splitlines() if line.startswith("{")]
    return int([bar["pid"] for bar in bars if bar["name"] == "live_decode"][-1])


def until(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Wait for it. Raises RuntimeError where the run ends before, or takes too long."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"the run ended with {process.poll()}, or took too long")
        time.sleep(0.2)


def begin(folder: Path, words: list[str], part: int) -> tuple[subprocess.Popen[bytes], Path, Path]:
    """Start the product; its log and profile."""
    log, profile = folder / f"log{part}.jsonl", folder / f"profile{part}.json"
    watched = ["--log", str(log), "--profile", str(profile)]
    command = [sys.executable, "run_pipeline.py", "-c", "live", str(folder / "film.mp4"), *words, *watched]
    return subprocess.Popen(command, cwd=ROOT), log, profile


def settings_of(folder: Path) -> list[str]:
    """A network of random weights that sees somebody everywhere; nothing is served."""
    small_run(folder)  # for its weights
    network = {"weights": folder / "random.safetensors", "min_score": 0.0001, "max_people": 1, "engine": "torch"}
    changes = [f"network.{key}={value}" for key, value in network.items()]
    changes += ["track.confident_score=0", "preview.port=null", "threads=1", "live_decode.source.file=play"]
    return [word for change in changes for word in ("--set", change)]


def main() -> int:
    """Run it; 1 where something is amiss."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=4_500, help="that are recorded before the first death")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder, output = Path(temporary), Path(temporary) / "out.mp4"
        long_film(folder / "film.mp4", 60 + options.frames // SLOWEST)
        words = ["-o", str(output), *settings_of(folder)]
        process, log, profile = begin(folder, words, 0)
        until(lambda: len(recorded(log)) > options.frames, process)
        print(f"{len(recorded(log))} frames: kill -9 of the decoding lane", flush=True)
        os.kill(decoding_process(profile), signal.SIGKILL)
        before = len(recorded(log))
        until(lambda: len(recorded(log)) > before + 300, process)
        print(f"{len(recorded(log))} frames: kill -9 of the program", flush=True)
        process.kill()
        process.wait()
        again, second, _ = begin(folder, [*words, "--resume"], 1)
        until(lambda: len(recorded(second)) > 300, again)
        print(f"{len(recorded(second))} frames more: SIGTERM", flush=True)
        again.terminate()
        code = again.wait(PATIENCE_S)
        numbers = recorded(log) + recorded(second)
        falls = sum(after <= before for before, after in pairwise(numbers))
        poisoned = sum(one["event"] == "poisoned" for path in (log, second) for one in events(path))
        with av.open(str(output)) as film:
            frames = sum(1 for _ in film.decode(video=0))
        print(f"exit {code}, {frames} frames recorded, numbers fell {falls} times, {poisoned} frames unprocessed")
        rising = falls <= 2 and min(numbers[options.frames :]) > options.frames // 2
        return 0 if code == 143 and frames > options.frames and rising and not poisoned else 1


if __name__ == "__main__":
    sys.exit(main())
