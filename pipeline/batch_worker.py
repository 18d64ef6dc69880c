"""What one worker of a batch does: a unit at a time, by the serial runner, in a process that keeps its networks."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.batch_parts import Parts, run_of
from pipeline.batch_units import Unit
from pipeline.graph import Graph
from pipeline.interrupts import Interrupt
from pipeline.metrics import Metrics
from pipeline.plan import LanePlan, Plan
from pipeline.serial import run_serial
from pipeline.slot import stage_failure
from pipeline.stage import Job
from pipeline.worker import LaneWorker


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
        files = [(shard.first, str(shard_file(job, shard, self._mark))) for shard in shards]
        config = run_of(self._parts, unit, [file for file in files if Path(file[1]).is_file()], job.input)
        if unit.kind == "probe":
            return self._probe(config.graph, job)
        if unit.kind == "shard":
            place = shard_file(job, unit, self._mark)
            metrics = Metrics(config.graph, [job])
            if place.is_file():  # an earlier run of this batch has done it
                return Outcome(metrics=metrics)
            job = dataclasses.replace(job, output=str(place), resume=False, overwrite=True)
        metrics = Metrics(config.graph, [job])
        try:
            for _ in run_serial(config, self._plan(config.graph), [job], metrics, Interrupt()):
                pass
        except Exception as error:  # a stage that all inputs share: weights that are missing, an unexpected mistake
            metrics.failed(job.index, stage_failure(error, unit.kind, job.input))
        if unit.kind == "tail" and not metrics.streams[job.index].failure:
            remove_shards(job, self._mark)
        return Outcome(metrics=metrics)

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


def shard_file(job: Job, shard: Unit, mark: str) -> Path:
    """Where what a shard found lies."""
    return _shard_folder(job, mark) / f"shard_{shard.first:09d}.zip"


def remove_shards(job: Job, mark: str) -> None:
    """The result of a video is whole: nothing of its shards is needed any more."""
    folder = _shard_folder(job, mark)
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):  # something else lies in it
        folder.parent.rmdir()


def _shard_folder(job: Job, mark: str) -> Path:
    return Path(f"{job.output}.partial") / f"shards-{mark}"
