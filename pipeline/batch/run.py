"""Runs a batch: each worker takes the next unit when it is idle; finished units are never done again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pipeline.batch import units as batch_units
from pipeline.batch.manifest import Manifest
from pipeline.batch.split_graph import SplitRun, fixed_chunk
from pipeline.batch.units import Unit, UnitQueue
from pipeline.batch.worker import BatchWorker, Outcome, WorkerPlace
from pipeline.interrupts import Interrupt
from pipeline.jobs import remote_files
from pipeline.media_types import is_image
from pipeline.observe.metrics import Metrics, warnings_of
from pipeline.observe.observer import FileRecord, WorkerDeath
from pipeline.packet import Failure
from pipeline.stage import Job

WORKER = "worker"
"""The name of a batch's processes in metrics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A unit that ended.

    Attributes:
        outcome: None if the worker died.
        place: of the worker; None if it died before it started.
    """

    unit: Unit
    outcome: Outcome | None
    place: WorkerPlace | None


class Workers(Protocol):
    """The workers of a batch: Ray workers, or one in this process."""

    @property
    def free(self) -> bool:
        """Whether a worker is idle."""
        ...

    def begin(self, unit: Unit, job: Job, shards: Sequence[Unit]) -> None:
        """Give a unit to an idle worker."""
        ...

    def finished(self) -> list[Ended]:
        """Units that ended since the last call. May wait briefly."""
        ...


class LocalWorker:
    """A single worker in this process."""

    def __init__(self, worker: BatchWorker) -> None:
        self._worker = worker
        self._ended: list[Ended] = []

    @property
    def free(self) -> bool:
        """See `Workers`."""
        return not self._ended

    def begin(self, unit: Unit, job: Job, shards: Sequence[Unit]) -> None:
        """See `Workers`; the unit is done when this returns."""
        self._ended.append(Ended(unit=unit, outcome=self._worker.run(unit, job, shards), place=self._worker.place()))

    def finished(self) -> list[Ended]:
        """See `Workers`."""
        ended, self._ended = self._ended, []
        return ended


def settings_mark(config_text: str) -> str:
    """A short hash of settings, by which shards and manifest entries are recognised."""
    return hashlib.sha256(config_text.encode()).hexdigest()[:16]


def run_batch(
    parts: SplitRun, jobs: Sequence[Job], metrics: Metrics, interrupt: Interrupt, workers: Workers, manifest: Manifest
) -> Iterator[tuple[Job, Any]]:
    """Process every input that is not done yet.

    Args:
        parts: the runs of the units.
        jobs: the inputs.
        metrics: records what happens; the failure of an input is recorded there, and the others continue.
        interrupt: when set, no further unit begins; the same command continues later.
        workers: the workers.
        manifest: records how each input ended.

    Yields:
        (input, receipt) of every result. Raises PlainError if the manifest cannot be written.
    """
    batch = _Batch(parts, jobs, metrics, workers, manifest)
    while not batch.over and not interrupt.requested:
        batch.assign()
        yield from batch.collect()
    metrics.finish()


@dataclass(slots=True)
class _Effort:
    """What was spent on an input so far: seconds of work, the machines that worked, and deaths of workers."""

    seconds: float = 0.0
    nodes: dict[str, None] = field(default_factory=dict)
    restarts: int = 0


class _Batch:
    def __init__(
        self, parts: SplitRun, jobs: Sequence[Job], metrics: Metrics, workers: Workers, manifest: Manifest
    ) -> None:
        self._parts, self._metrics, self._workers, self._manifest = parts, metrics, workers, manifest
        self._jobs = {job.index: job for job in jobs}
        self._shards: dict[int, list[Unit]] = {}
        self._efforts: dict[int, _Effort] = {}
        self._queue = UnitQueue(Unit(kind=_first_kind(parts, job), index=job.index) for job in jobs)

    @property
    def over(self) -> bool:
        """Whether every input is done or failed."""
        return self._queue.is_empty

    def assign(self) -> None:
        """Give a unit to every idle worker, as long as there are units."""
        while self._workers.free and (unit := self._queue.take()) is not None:
            self._workers.begin(unit, self._jobs[unit.index], self._shards.get(unit.index, ()))

    def collect(self) -> Iterator[tuple[Job, Any]]:
        """Record the units that ended, and queue the units that follow from them."""
        receipts: list[tuple[Job, Any]] = []
        for ended in self._workers.finished():
            receipts += self._take(ended)
        self._manifest.settle()
        self._metrics.elapsed()
        yield from receipts

    def _take(self, ended: Ended) -> list[tuple[Job, Any]]:
        unit, outcome = ended.unit, ended.outcome
        tally = self._metrics.streams[unit.index]
        if tally.failure:  # another unit of the input failed before
            self._queue.done(unit)
            return []
        effort = self._efforts.setdefault(unit.index, _Effort())
        if ended.place is not None:
            effort.nodes[ended.place.node] = None
        if outcome is None:
            effort.restarts += 1
            self._died(ended)
            return []
        effort.seconds += outcome.seconds
        self._metrics.absorb(unit.index, outcome.metrics, result=unit.kind in ("whole", "tail"))
        return self._follow(ended, outcome)

    def _follow(self, ended: Ended, outcome: Outcome) -> list[tuple[Job, Any]]:
        unit = ended.unit
        if self._metrics.streams[unit.index].failure:
            self._queue.failed(unit)
            self._record(ended)
            return []
        following: tuple[Unit, ...] = ()
        if unit.kind == "probe":
            assert self._parts.whole.settings.batch is not None
            chunk = fixed_chunk(self._parts)
            following = batch_units.split_input(unit.index, outcome.length, self._parts.whole.settings.batch, chunk)
            self._shards[unit.index] = [part for part in following if part.kind == "shard"]
        self._queue.done(unit, following)
        if unit.kind not in ("whole", "tail"):
            return []
        self._record(ended)
        return [(self._jobs[unit.index], receipt) for receipt in self._metrics.streams[unit.index].results]

    def _died(self, ended: Ended) -> None:
        """A worker died during a unit: retry the unit, or end its input at the second death."""
        unit, place, job = ended.unit, ended.place, self._jobs[ended.unit.index]
        again = self._queue.died(unit)
        node, process = (place.node, place.process) if place else ("", None)
        self._metrics.restarted(WORKER, WorkerDeath(node=node, process=process, input=job.name, again=again))
        if again:
            return
        what = "the process of a worker died twice (killed, or out of memory)"
        remedy = "free some memory, or lower batch.workers"
        self._metrics.failed(unit.index, Failure(what=what, where=job.name, remedy=remedy))
        self._queue.failed(unit)
        self._record(ended)

    def _record(self, ended: Ended) -> None:
        """Record how an input ended; its result, if there is one, is made."""
        index, outcome = ended.unit.index, ended.outcome
        job, tally, effort = self._jobs[index], self._metrics.streams[index], self._efforts.pop(index)
        self._shards.pop(index, None)
        record = FileRecord(
            stream=index,
            input=job.name,
            output=None if tally.failure else job.output,
            state=tally.state,
            frames=tally.frames_done,
            seconds=round(effort.seconds, 3),
            node=", ".join(effort.nodes),
            worker=str(ended.place or ""),
            restarts=effort.restarts,
            warnings=tuple(warnings_of(tally)),
            error=str(tally.failure.error()) if tally.failure else None,
        )
        source = outcome.source if outcome is not None else remote_files.stamp(job.input)
        self._manifest.note(job, record, source, outcome.result if outcome is not None else None)
        self._metrics.recorded(record)


def _first_kind(parts: SplitRun, job: Job) -> batch_units.UnitKind:
    """The first unit of an input: a probe of its length where it could be split."""
    return "whole" if is_image(job.input) or parts.shard is None else "probe"
