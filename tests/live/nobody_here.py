"""A live graph without a network: pictures pass with nobody in them, so that a test can read what they show."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

import av
import numpy as np

from pipeline.stage import Stage
from stages import STAGES
from stages.payloads import FrameChunk, People, Surfaces

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """
inputs: live
lanes:
  decode: {stages: [live_decode]}
  out: {stages: [nobody, preview, live_output]}
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
from tests.live.nobody_here import TABLE
sys.exit(main(None, TABLE))
"""
TABLE = MappingProxyType({**STAGES, "nobody": "tests.live.nobody_here:Nobody"})


class Nobody(Stage):
    """In the place of the network."""

    def __call__(self, frames: FrameChunk) -> Iterator[tuple[People, Surfaces]]:
        """Nobody in any frame."""
        yield nobody(), Surfaces(people=())


def nobody() -> People:
    """No people at all."""
    return People(
        frame_N=np.zeros(0, np.int32),
        box_N4=np.zeros((0, 4), np.float32),
        score_N=np.zeros(0, np.float32),
        id_N=np.zeros(0, np.int32),
    )


class LiveRun:
    """The program in a process of its own, with the graph above."""

    def __init__(self, folder: Path, *words: str, config: str = CONFIG) -> None:
        (folder / "nobody.yaml").write_text(config)
        self.log = folder / "log.txt"
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, "-c", "nobody.yaml", *words],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
                stdout=log,
                stderr=log,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        """Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def end(self, seconds: float = 60) -> int:
        """Wait for its end; the exit code."""
        try:
            return self._process.wait(seconds)
        finally:
            self._process.kill()
            self._process.wait()

    def said(self) -> str:
        return self.log.read_text()


def pictures(path: Path) -> tuple[list[np.ndarray], list[float]]:
    """Every frame of a film that decodes, RGB, and its time in seconds."""
    with av.open(str(path)) as film:
        frames = list(film.decode(video=0))
    return [frame.to_ndarray(format="rgb24") for frame in frames], [
        float(frame.pts * frame.time_base) for frame in frames
    ]
