"""A batch worker: runs one unit at a time with the serial runner, in one long-lived process."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import Timeout

from pipeline.batch.finished_results import (
    Mark,
    finished_result,
    publish_result,
    shard_file,
    source_mark,
    unfinished_path,
)
from pipeline.batch.split_graph import SplitRun, run_of
from pipeline.batch.units import Unit
from pipeline.configuration.config import RunConfig
from pipeline.configuration.graph import Graph
from pipeline.configuration.plan import LanePlan, Plan
from pipeline.files.file_lock import lock_file, unlock_file
from pipeline.files.scratch_folders import scratch_folder
from pipeline.interrupts import Interrupt
from pipeline.jobs import remote_files
from pipeline.lane.slot import stage_failure
from pipeline.lane.worker import LaneWorker
from pipeline.observe.metrics import Metrics
from pipeline.packet import failure_of
from pipeline.recovery.journal import has_parts
from pipeline.redaction import secrets_registered
from pipeline.scheduling.serial import run_serial
from pipeline.stage import CLAIM, Job, PlainError, working_folder

PATIENCE_S = 30.0
"""How long to wait for the lock of a result: a worker of a killed batch may still write it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerPlace:
    """Where a worker runs: the name of the machine, and the number of the process."""

    node: str
    process: int

    def __str__(self) -> str:
        return f"{self.node}:{self.process}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of a unit.

    Attributes:
        metrics: of its run.
        length: of the input, for a probe.
        source: size and date of the input before the unit began (`remote_files.stamp`).
        result: the same of the result, if the unit made it.
        place: of the worker.
        seconds: how long the unit took.
    """

    metrics: Metrics
    length: int | None = None
    source: Mapping[str, Any] | None = None
    result: Mapping[str, Any] | None = None
    place: WorkerPlace | None = None
    seconds: float = 0.0


class BatchWorker:
    """Runs units.

    Args:
        parts: the runs of the units.
        threads: compute threads.
        folder: where relative paths start.
        mark: hash of the settings; shards of other settings are ignored.
    """

    def __init__(self, parts: SplitRun, threads: int, folder: str, mark: str) -> None:
        with contextlib.suppress(OSError):  # on another machine the folder may be absent; absolute paths still work
            os.chdir(folder)
        self._parts = parts
        self._threads = threads
        self._mark = mark

    def place(self) -> WorkerPlace:
        """Where this worker runs."""
        return WorkerPlace(node=platform.node() or "this machine", process=os.getpid())

    def run(self, unit: Unit, job: Job, shards: Sequence[Unit]) -> Outcome:
        """Run a unit of an input. Errors of stages are in the metrics. `shards`: the shards that a tail unit reads."""
        begun = time.perf_counter()
        source = remote_files.stamp(job.input)
        with secrets_registered(job.input, job.output, job.partner), scratch_folder("densepose-batch-") as place:
            try:
                outcome = self._outcome(unit, job, shards, place)
            except PlainError as error:
                outcome = _refused(job, error)
        made = unit.kind in ("whole", "tail") and not outcome.metrics.streams[job.index].failure
        result = remote_files.stamp(job.output) if made and job.output else None
        seconds = time.perf_counter() - begun
        return dataclasses.replace(outcome, source=source, result=result, place=self.place(), seconds=seconds)

    def _outcome(self, unit: Unit, job: Job, shards: Sequence[Unit], place: Path) -> Outcome:
        """The outcome of a unit, with copies of remote files in the folder `place`. Raises PlainError."""
        made_from = source_mark(job, self._mark)
        here = _with_local_paths(job, place, self._mark)
        if unit.kind == "shard":
            file = shard_file(job, unit.first, self._mark)
            return _with_user_paths(job, here, self._shard(unit, here, file, place))
        files = [(shard.first, shard_file(job, shard.first, self._mark)) for shard in shards]
        known = [(first, remote_files.local_copy(file, place)) for first, file in files if remote_files.exists(file)]
        config = run_of(self._parts, unit, known, here.input)
        if unit.kind == "probe":
            return _with_user_paths(job, here, self._probe(config.graph, here))
        return self._result(config, job, here, made_from)

    def _result(self, config: RunConfig, job: Job, here: Job, made_from: str) -> Outcome:
        """Make a result and publish it, unless a worker of a killed batch has done so."""
        if job.output is None:
            return self._run(config, job)
        if has_parts(job):  # a worker that died, or its shards
            here = dataclasses.replace(here, renews_exports=True)
        with _result_locked(job.output):
            mark = finished_result(job, self._mark)
            if mark is not None:
                return _finished_before(job, mark)
            draft = Path(here.output or "")
            draft.parent.mkdir(parents=True, exist_ok=True)  # for a local result this is in OUT.partial/
            outcome = _with_user_paths(job, here, self._run(config, here))
            tally = outcome.metrics.streams[job.index]
            if not tally.failure and draft.is_file():
                publish_result(draft, job, made_from, tally.frames_done)
                tally.results = [dataclasses.replace(receipt, path=job.output) for receipt in tally.results]
            with contextlib.suppress(OSError):  # the folder is absent, or holds files for a restart
                draft.parent.rmdir()
            return outcome

    def _shard(self, unit: Unit, job: Job, file: str, place: Path) -> Outcome:
        config = run_of(self._parts, unit, (), job.input)
        if remote_files.exists(file):  # an earlier run of this batch made it
            return Outcome(metrics=Metrics(config.graph, [job]))
        output = str(place / Path(file).name) if remote_files.is_remote(file) else file
        outcome = self._run(config, dataclasses.replace(job, output=output, resume=False, overwrite=True))
        if remote_files.is_remote(file) and Path(output).is_file():
            remote_files.publish(Path(output), file)
        return outcome

    def _run(self, config: RunConfig, job: Job) -> Outcome:
        metrics = Metrics(config.graph, [job])
        try:
            for _ in run_serial(config, self._plan(config.graph), [job], metrics, Interrupt()):
                pass
        except Exception as error:  # an error of a stage that all inputs share, e.g. missing weights
            metrics.failed(job.index, stage_failure(error, config.graph.lanes[0].name, job.name))
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


@contextmanager
def _result_locked(output: str) -> Iterator[None]:
    """Lock a local result against other runs. Raises PlainError if another run holds it or it cannot be written."""
    if remote_files.is_remote(output):
        yield
        return
    folder = Path(working_folder(output))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        claim = lock_file(folder / CLAIM, PATIENCE_S)
    except Timeout as error:
        raise PlainError("another run is making this result", output, "wait until it is done") from error
    except OSError as error:
        what = f"cannot be written ({error.strerror or error})"
        raise PlainError(what, output, "name another folder with -o") from error
    try:
        yield
    finally:
        unlock_file(claim)
        with contextlib.suppress(OSError):  # the folder holds files for a restart
            folder.rmdir()


def _finished_before(job: Job, mark: Mark) -> Outcome:
    """The outcome of an input whose result was finished before."""
    metrics = Metrics(Graph(lanes=()), [job])
    metrics.finished_before(job.index)
    metrics.streams[job.index].frames_done = mark.frames
    return Outcome(metrics=metrics)


def _with_user_paths(job: Job, here: Job, outcome: Outcome) -> Outcome:
    """An outcome in which local paths are replaced by the paths that the user knows."""
    tally = outcome.metrics.streams[job.index]
    tally.job = job
    if tally.failure:
        where = tally.failure.where.replace(here.input, job.input)
        if here.output and job.output:
            where = where.replace(here.output, job.output)
        tally.failure = dataclasses.replace(tally.failure, where=where)
    return outcome


def _with_local_paths(job: Job, place: Path, settings: str) -> Job:
    """The job with local paths: a copy of an input from a store, and a working path for the result."""
    source = remote_files.local_copy(job.input, place)
    output = job.output
    if output and remote_files.is_remote(output):
        output = str(place / "result" / Path(output).name)
        Path(output).parent.mkdir()
    elif output:
        output = str(unfinished_path(job, settings))
    # A file that is already at that path has no mark, so the result is made again.
    return dataclasses.replace(job, input=source, output=output, overwrite=True)


def _refused(job: Job, error: PlainError) -> Outcome:
    metrics = Metrics(Graph(lanes=()), [job])
    metrics.failed(job.index, failure_of(error))
    return Outcome(metrics=metrics)
