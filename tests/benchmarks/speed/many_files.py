"""What the driver of a batch costs for many files: `python -m tests.benchmarks.speed.many_files [--most 100000]`.

Batches of 10², 10³, 10⁴ … images of one pixel run in a process each, with workers that do nothing: each file gets the
outcome that a real worker gave for one, as bytes, as Ray passes it. So the time is that of the driver alone. The second
run follows a driver that was killed when half of the files were done. Printed: seconds from the start of the search to
the first unit, milliseconds of CPU time for each file before and after it and in the second run, and the peak memory.
The slope is the exponent of CPU time over files between two lines: 1 is linear, 2 quadratic.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipeline.batch.manifest import confirmed
from pipeline.batch.run import Ended, run_batch
from pipeline.batch.split_graph import split_run
from pipeline.batch.units import Unit
from pipeline.batch.worker import BatchWorker, WorkerPlace
from pipeline.command.launch import open_manifest, run_inputs
from pipeline.command.output_paths import check_output_paths
from pipeline.command.preflight import refuse_failing_inputs
from pipeline.command.progress import Progress
from pipeline.configuration.config import read_config, validate
from pipeline.configuration.plan import make_plan, read_machine
from pipeline.interrupts import Interrupt
from pipeline.observe.metrics import Metrics
from pipeline.stage import Job
from stages import STAGES

MODULE = "tests.benchmarks.speed.many_files"
ROOT = Path(__file__).resolve().parents[3]
NAMES = ("start", "run", "again")


@dataclass(slots=True)
class Idle:
    """Workers that do nothing: the result of each file is there at once."""

    outcome: bytes
    picture: bytes
    ended: list[Ended] = field(default_factory=list)
    first_at: float | None = None
    cpu_at: float = 0.0

    @property
    def free(self) -> bool:
        """Whether one of two workers is idle."""
        return len(self.ended) < 2

    def begin(self, unit: Unit, job: Job, shards: Sequence[Unit]) -> None:
        """Write the result."""
        if self.first_at is None:
            self.first_at, self.cpu_at = time.perf_counter(), time.process_time()
        Path(job.output or "").write_bytes(self.picture)
        outcome = pickle.loads(self.outcome)
        outcome.metrics.streams = {unit.index: outcome.metrics.streams.pop(0)}
        self.ended.append(Ended(unit=unit, outcome=outcome, place=WorkerPlace(node="here", process=1)))

    def finished(self) -> list[Ended]:
        """The units since the last call."""
        ended, self.ended = self.ended, []
        return ended


def drive(folder: Path, out: Path, outcome: Path, most: int) -> dict[str, float]:
    """Run a batch until `most` files are done; returns what it cost."""
    begun, cpu = time.perf_counter(), time.process_time()
    config = validate(read_config("batch", []), STAGES)
    plan, parts = make_plan(config.graph, config.settings, read_machine()), split_run(config, STAGES)
    inputs = run_inputs(config, [str(folder)], f"{out}/", overwrite=False, resume=True)
    check_output_paths(inputs, {"--report": str(out.with_suffix(".report"))})
    out.mkdir(exist_ok=True)
    manifest = open_manifest(config, plan, inputs)
    inputs = refuse_failing_inputs(config, confirmed(inputs, manifest))
    metrics = Metrics(config.graph, inputs.jobs)
    for index in inputs.standing:
        metrics.finished_before(index)
    progress = Progress(metrics, io.StringIO())
    metrics.listen(progress.show)
    metrics.observe(progress)
    workers = Idle(outcome=outcome.read_bytes(), picture=next(folder.iterdir()).read_bytes())
    results = run_batch(parts, inputs.ready, metrics, Interrupt(), workers, manifest)
    done = sum(1 for _ in _first(results, metrics, most))
    if done < most or most == len(inputs.jobs):
        manifest.close()
    end = time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    first_at = workers.first_at or time.perf_counter()
    start, run = workers.cpu_at - cpu, end - workers.cpu_at
    return {"first_s": first_at - begun, "start_s": start, "run_s": run, "peak_mb": peak, "done": done}


def _first(results: Iterator[Any], metrics: Metrics, most: int) -> Iterator[Any]:
    """The receipts until `most` inputs have ended."""
    for receipt in results:
        yield receipt
        if metrics.totals().done >= most:
            return


def make_outcome(folder: Path, file: Path) -> None:
    """Write the outcome that a real worker gives for the first picture of a folder."""
    config = validate(read_config("batch", ["threads=1"]), STAGES)
    job = Job(index=0, input=str(next(folder.iterdir())), output=str(file.with_suffix(".png")), stem="one")
    worker = BatchWorker(split_run(config, STAGES), 1, str(folder), "mark")
    file.write_bytes(pickle.dumps(worker.run(Unit(kind="whole", index=0), job, ())))


def in_its_process(*words: str) -> dict[str, float]:
    """What this module prints with these arguments in a process of its own."""
    done = subprocess.run([sys.executable, "-m", MODULE, *words], cwd=ROOT, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout or "{}")
    return found


def pictures(folder: Path, count: int) -> None:
    """Write images of one pixel."""
    folder.mkdir()
    content = cv2.imencode(".png", np.full((1, 1, 3), 128, np.uint8))[1].tobytes()
    for number in range(count):
        (folder / f"{number:06d}.png").write_bytes(content)


def slope(before: tuple[int, float] | None, now: tuple[int, float]) -> str:
    """The exponent of the cost between two numbers of files."""
    if before is None or min(before[1], now[1]) <= 0:
        return "   "
    return f"{math.log(now[1] / before[1]) / math.log(now[0] / before[0]):.2f}"


def measure(place: Path, most: int) -> None:
    """Print a line for each number of files."""
    pictures(place / "one", 1)
    outcome = place / "outcome"
    in_its_process("--outcome", str(place / "one"), str(outcome))
    before: dict[str, tuple[int, float]] = {}
    print("  files | first unit | ms a file: before it, after it, second run (slopes) | peak: first, second run")
    for count in (10**power for power in range(2, round(math.log10(most)) + 1)):
        folder = place / str(count)
        pictures(folder, count)
        first = in_its_process("--drive", str(folder), f"{folder}.out", str(outcome), str(count))
        in_its_process("--drive", str(folder), f"{folder}.half", str(outcome), str(count // 2))
        second = in_its_process("--drive", str(folder), f"{folder}.half", str(outcome), str(count))
        costs = dict(zip(NAMES, (first["start_s"], first["run_s"], second["start_s"] + second["run_s"]), strict=True))
        cells = [
            f"{1000 * cost / count:.3f} ({slope(before.get(name), (count, cost))})" for name, cost in costs.items()
        ]
        before = {name: (count, cost) for name, cost in costs.items()}
        peaks = f"{first['peak_mb']:.0f}, {second['peak_mb']:.0f} MB"
        print(f"{count:7d} | {first['first_s']:8.1f} s | {', '.join(cells)} | {peaks}", flush=True)


def main() -> None:
    """Measure, or do a part of it for another process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=100_000)
    parser.add_argument("--drive", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--outcome", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.outcome:
        make_outcome(Path(options.outcome[0]), Path(options.outcome[1]))
    elif options.drive:
        folder, out, outcome, most = options.drive
        print(json.dumps(drive(Path(folder), Path(out), Path(outcome), int(most))))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            measure(Path(temporary), options.most)


if __name__ == "__main__":
    main()
