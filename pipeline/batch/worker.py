"""What one worker of a batch does: a unit at a time, by the serial runner, in a process that keeps its networks."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline import storage
from pipeline.batch.parts import Parts, run_of
from pipeline.batch.units import Unit
from pipeline.config import RunConfig
from pipeline.graph import Graph
from pipeline.interrupts import Interrupt
from pipeline.metrics import Metrics
from pipeline.packet import failure_of
from pipeline.plan import LanePlan, Plan
from pipeline.serial import run_serial
from pipeline.slot import stage_failure
from pipeline.stage import Job, PlainError
from pipeline.worker import LaneWorker

SHARDS = "shards-"
"""How the folders of shards begin, in `OUT.partial/`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a unit: the sums of its run, and the length of an input that was looked at."""

    metrics: Metrics
    length: int | None = None


class BatchWorker:
    """Runs units.

    Args:
        parts: the runs that units are made of.
        threads: compute threads.
        folder: that relative paths start from.
        mark: of the settings; shards of others are not taken up.
    """

    def __init__(self, parts: Parts, threads: int, folder: str, mark: str) -> None:
        with contextlib.suppress(OSError):  # on another machine the folder may be absent, and whole paths still work
            os.chdir(folder)
        self._parts = parts
        self._threads = threads
        self._mark = mark

    def run(self, unit: Unit, job: Job, shards: Sequence[Unit]) -> Outcome:
        """Do a unit of an input; errors of stages are in the metrics. `shards`: those that a tail takes up."""
        with tempfile.TemporaryDirectory() as place:
            try:
                here = _brought_here(job, Path(place))
            except PlainError as error:
                return _refused(job, error)
            if unit.kind == "shard":
                return _said_of(job, here, self._shard(unit, here, shard_file(job, unit, self._mark), Path(place)))
            files = [(shard.first, shard_file(job, shard, self._mark)) for shard in shards]
            try:
                known = [(first, storage.fetch(file, Path(place))) for first, file in files if storage.exists(file)]
                config = run_of(self._parts, unit, known, here.input)
                if unit.kind == "probe":
                    return _said_of(job, here, self._probe(config.graph, here))
                return self._taken_there(_said_of(job, here, self._run(config, here)), job, here)
            except PlainError as error:
                return _refused(job, error)

    def _shard(self, unit: Unit, job: Job, file: str, place: Path) -> Outcome:
        config = run_of(self._parts, unit, (), job.input)
        if storage.exists(file):  # an earlier run of this batch has done it
            return Outcome(metrics=Metrics(config.graph, [job]))
        output = str(place / Path(file).name) if storage.is_remote(file) else file
        outcome = self._run(config, dataclasses.replace(job, output=output, resume=False, overwrite=True))
        if storage.is_remote(file) and Path(output).is_file():
            storage.publish(Path(output), file)
        return outcome

    def _run(self, config: RunConfig, job: Job) -> Outcome:
        metrics = Metrics(config.graph, [job])
        try:
            for _ in run_serial(config, self._plan(config.graph), [job], metrics, Interrupt()):
                pass
        except Exception as error:  # a stage that all inputs share: weights that are missing, an unexpected mistake
            metrics.failed(job.index, stage_failure(error, config.graph.lanes[0].name, job.input))
        return Outcome(metrics=metrics)

    def _taken_there(self, outcome: Outcome, job: Job, here: Job) -> Outcome:
        """Put a result where it belongs."""
        tally = outcome.metrics.streams[job.index]
        if tally.failure:
            return outcome
        if here.output != job.output and here.output and job.output:
            storage.publish(Path(here.output), job.output)
            tally.results = [dataclasses.replace(receipt, path=job.output) for receipt in tally.results]
        remove_shards(job, self._mark)
        return outcome

    def _probe(self, graph: Graph, job: Job) -> Outcome:
        metrics = Metrics(graph, [job])
        worker = LaneWorker(graph.lanes[0], self._parts.probe.stages, self._threads)
        step, _ = worker.pull(job, 0)
        if step.failure:
            metrics.failed(job.index, step.failure)
        worker.shutdown()
        return Outcome(metrics=metrics, length=step.length)

    def _plan(self, graph: Graph) -> Plan:
        lanes = [
            LanePlan(name=lane.name, replicas=1, threads=self._threads, cpus=self._threads, gpus=0, memory=0)
            for lane in graph.lanes
        ]
        return Plan(lanes=tuple(lanes), store=0)


def shard_file(job: Job, shard: Unit, mark: str) -> str:
    """Where what a shard found lies."""
    return storage.inside(_shard_folder(job, mark), f"shard_{shard.first:09d}.zip")


def remove_shards(job: Job, mark: str) -> None:
    """The result of a video is whole: nothing of its shards is needed any more. Raises PlainError."""
    folder = _shard_folder(job, mark)
    if storage.is_remote(folder):
        storage.remove(storage.parent(folder))
        return
    partial = Path(folder).parent
    for shards in partial.glob(f"{SHARDS}*"):  # those of a file that was replaced meanwhile, too
        shutil.rmtree(shards, ignore_errors=True)
    with contextlib.suppress(OSError):  # something else lies in it
        partial.rmdir()


def _shard_folder(job: Job, mark: str) -> str:
    """Another one for other settings, and for another file under the input's name."""
    source = hashlib.sha256(repr(storage.stamp(job.input)).encode()).hexdigest()
    return storage.inside(f"{job.output}.partial", f"{SHARDS}{mark}-{source[:16]}")


def _said_of(job: Job, here: Job, outcome: Outcome) -> Outcome:
    """What is said of an input speaks of the places that the user knows."""
    tally = outcome.metrics.streams[job.index]
    tally.job = job
    if tally.failure:
        where = tally.failure.where.replace(here.input, job.input)
        if here.output and job.output:
            where = where.replace(here.output, job.output)
        tally.failure = dataclasses.replace(tally.failure, where=where)
    return outcome


def _brought_here(job: Job, place: Path) -> Job:
    """The job with local paths: a copy of an input from a store, a result that will be put into one."""
    source = storage.fetch(job.input, place)
    output = job.output
    if output and storage.is_remote(output):
        output = str(place / "result" / Path(output).name)
        Path(output).parent.mkdir()
    return dataclasses.replace(job, input=source, output=output)


def _refused(job: Job, error: PlainError) -> Outcome:
    metrics = Metrics(Graph(lanes=()), [job])
    metrics.failed(job.index, failure_of(error))
    return Outcome(metrics=metrics)
