"""A live graph without a network: frames pass unchanged, so that a test can read the clock that they show."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

import av
import numpy as np

from pipeline.stage import Stage
from stages import STAGES
from stages.payloads import FrameChunk, People, Surfaces

ROOT = Path(__file__).resolve().parents[3]
CONFIG = """
inputs: live
lanes:
  decode: {stages: [live_decode]}
  out: {stages: [no_people, preview, live_output]}
credits: 2
threads: 1
live_decode: {source: {watchdog_s: 2}}
preview: {port: null}
render: {style: none}
encode: {preset: ultrafast, crf: 10}
"""
PROGRAM = """
import sys
from pipeline.command.cli import main
from tests.stages.live.live_without_network import TABLE
sys.exit(main(None, TABLE))
"""
TABLE = MappingProxyType(
    {
        **STAGES,
        "no_people": "tests.stages.live.live_without_network:NoPeople",
        "slow": "tests.stages.live.live_without_network:Slow",
    }
)


class NoPeople(Stage):
    """Takes the place of the network."""

    def __call__(self, frames: FrameChunk) -> Iterator[tuple[People, Surfaces]]:
        """Find no people in any frame."""
        yield no_people(), Surfaces(people=())


def no_people() -> People:
    """Detections of a chunk without people."""
    return People(
        frame_N=np.zeros(0, np.int32),
        box_N4=np.zeros((0, 4), np.float32),
        score_N=np.zeros(0, np.float32),
        id_N=np.zeros(0, np.int32),
    )


class Slow(Stage):
    """A slow stage."""

    def __call__(self, frames: FrameChunk) -> None:
        """Take longer than four frames last."""
        time.sleep(0.2)


def below(process: int) -> list[int]:
    """All descendants of a process."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [one for child in map(int, children) for one in (child, *below(child))]


class LiveRun:
    """The program in its own process, with the graph above."""

    def __init__(self, folder: Path, *words: str, config: str = CONFIG) -> None:
        (folder / "live.yaml").write_text(config)
        self.log = folder / "log.txt"
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, "-c", "live.yaml", *words],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
                stdout=log,
                stderr=log,
            )

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def resident(self) -> int:
        """Resident memory of the process, bytes."""
        status = Path(f"/proc/{self._process.pid}/statm").read_text()
        return int(status.split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def process_with(self, part: str) -> int:
        """Id of the descendant process that has a file open whose path contains `part`."""
        for process in below(self._process.pid):
            with contextlib.suppress(OSError):
                if any(part in os.readlink(file) for file in Path(f"/proc/{process}/fd").iterdir()):
                    return process
        raise AssertionError(f"no process has {part} open")

    def processes_named(self, part: str) -> list[int]:
        """Ids of the descendant processes whose command line contains `part`."""
        found = []
        for process in below(self._process.pid):
            with contextlib.suppress(OSError):
                if part.encode() in Path(f"/proc/{process}/cmdline").read_bytes():
                    found.append(process)
        return found

    def kill(self) -> None:
        """Kill the program without warning."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Press Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def end(self, seconds: float = 60) -> int:
        """Wait for the end and return the exit code."""
        try:
            return self._process.wait(seconds)
        finally:
            self._process.kill()
            self._process.wait()

    def output(self) -> str:
        return self.log.read_text()


def decoded_frames(path: Path) -> tuple[list[np.ndarray], list[float]]:
    """Decoded frames of a video, RGB, and their times in seconds."""
    with av.open(str(path)) as video:
        frames = list(video.decode(video=0))
    return [frame.to_ndarray(format="rgb24") for frame in frames], [
        float(frame.pts * frame.time_base) for frame in frames
    ]
