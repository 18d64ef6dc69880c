"""An hour of four annotators, with kills, as fast as the studio answers: `-m tests.benchmarks.quality.studio_hour`.

Four scripted annotators share 300 images, and send as many actions as an hour holds. In the time in which people would
work for five minutes, the program and two annotators are killed (SIGKILL) and started again. At the end the program is
stopped as users stop it, and every confirmed action must be in the file.
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
from pathlib import Path

import cv2
import numpy as np

from tests.stages.live.clock_video import free_port
from tests.stages.studio.kept_actions import confirmed, missing

ROOT = Path(__file__).resolve().parents[3]
NAMES = ("ann", "bob", "cyd", "dee")
IMAGES, HEIGHT, WIDTH = 300, 150, 200
ACTIONS = 4800
"""Of four people in an hour: one in three seconds each."""
KILLS = 12
LOOK_S, WAIT_S = 0.1, 300.0


def main() -> int:
    """Print what was killed, and what is missing; the exit status is 1 where anything is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--actions", type=int, default=ACTIONS)
    parser.add_argument("--kills", type=int, default=KILLS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as kept:
        lost, actions = worked_hour(Path(kept), options.images, options.actions, options.kills)
    print(f"{actions} confirmed actions, {options.kills} kills, {len(lost)} missing in the file")
    print("\n".join(lost))
    return 1 if lost or actions < options.actions else 0


def worked_hour(folder: Path, images: int, actions: int, kills: int) -> tuple[list[str], int]:
    """What is missing in the file at the end, and the number of confirmed actions."""
    rng = np.random.default_rng(0)
    for number in range(images):
        pixels = rng.integers(0, 255, (HEIGHT // 10, WIDTH // 10, 3), np.uint8)
        cv2.imwrite(str(folder / f"{number:03}.png"), cv2.resize(pixels, (WIDTH, HEIGHT)))
    hour = _Hour(folder)
    try:
        for number in range(1, kills + 1):
            hour.wait_for(number * actions // (kills + 1))
            hour.kill(number)
        hour.wait_for(actions)
    finally:
        hour.stop()
    sheets = {who: confirmed(log)[0] for who, log in hour.logs.items()}
    document = json.loads((folder / "people.json").read_text(encoding="utf-8"))
    return list(missing(document, sheets)), hour.confirmed()


class _Hour:
    """The program and its annotators."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port, self._starts = folder, free_port(), 0
        self.logs = {who: folder / f"{who}.log" for who in NAMES}
        self._program = self._started_program()
        self._annotators = {who: self._started(who) for who in NAMES}

    def wait_for(self, actions: int) -> None:
        """Until this number of actions is confirmed, or all annotators are done.

        Raises: AssertionError after `WAIT_S`, and where the program has ended.
        """
        end = time.monotonic() + WAIT_S
        while self.confirmed() < actions and any(one.poll() is None for one in self._annotators.values()):
            runs = self._program.poll() is None
            assert runs and time.monotonic() < end, (self._folder / "program.log").read_text(encoding="utf-8")[-2000:]
            time.sleep(LOOK_S)

    def confirmed(self) -> int:
        """Number of actions that the program has confirmed."""
        return sum(log.read_bytes().count(b'{"done"') for log in self.logs.values() if log.exists())

    def kill(self, number: int) -> None:
        """Kill the program and two annotators, and start them again."""
        self._program.kill()
        for who in (NAMES[number % 4], NAMES[(number + 1) % 4]):
            self._annotators[who].kill()
            self._annotators[who].wait()
            self._annotators[who] = self._started(who)
        self._program.wait()
        self._program = self._started_program()

    def stop(self) -> None:
        """The annotators go first, then the program ends as with Ctrl-C, and writes its file."""
        for one in self._annotators.values():
            one.kill()
            one.wait()
        self._program.send_signal(signal.SIGINT)
        self._program.wait(WAIT_S)

    def _started_program(self) -> subprocess.Popen[bytes]:
        settings = (f"annotate.port={self._port}", "annotate.propose=false")
        command = [sys.executable, str(ROOT / "run_pipeline.py"), str(self._folder), "-c", "annotate"]
        words = [*command, "-o", str(self._folder / "people.json"), *(w for one in settings for w in ("--set", one))]
        with (self._folder / "program.log").open("ab") as log:
            return subprocess.Popen(words, stdout=log, stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"})

    def _started(self, who: str) -> subprocess.Popen[bytes]:
        self._starts += 1
        module = [sys.executable, "-m", "tests.stages.studio.scripted_annotator"]
        words = [*module, f"http://127.0.0.1:{self._port}", who, str(self.logs[who]), str(self._starts)]
        with (self._folder / "annotators.log").open("ab") as log:
            return subprocess.Popen(words, cwd=ROOT, stdout=log, stderr=log)


if __name__ == "__main__":
    sys.exit(main())
