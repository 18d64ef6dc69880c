"""Runs a batch: each worker takes the next unit when it is idle; finished units are never done again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from pipeline.batch import units as batch_units
from pipeline.batch.finished_results import remove_leftovers
from pipeline.batch.manifest import Manifest
from pipeline.batch.split_graph import SplitRun, fixed_chunk
from pipeline.batch.units import Unit, UnitQueue
from pipeline.batch.worker import BatchWorker, Outcome
from pipeline.interrupts import Interrupt
from pipeline.media_types import is_image
from pipeline.metrics import Metrics
from pipeline.packet import Failure
from pipeline.stage import Job

WORKER = "worker"
"""The name of a batch's processes in metrics."""


class Workers(Protocol):
    """The workers of a batch: Ray workers, or one in this process."""

    @property
    def free(self) -> bool:
        """Whether a worker is idle."""
        ...

    def begin(self, unit: Unit, job: Job, shards: Sequence[Unit]) -> None:
        """Give a unit to an idle worker."""
        ...

    def finished(self) -> list[tuple[Unit, Outcome | None]]:
        """Units that ended since the last call, with their outcomes; None if the worker died. May wait briefly."""
        ...


class LocalWorker:
    """A single worker in this process."""

    def __init__(self, worker: BatchWorker) -> None:
        self._worker = worker
        self._ended: list[tuple[Unit, Outcome | None]] = []

    @property
    def free(self) -> bool:
        """See `Workers`."""
        return not self._ended

    def begin(self, unit: Unit, job: Job, shards: Sequence[Unit]) -> None:
        """See `Workers`; the unit is done when this returns."""
        self._ended.append((unit, self._worker.run(unit, job, shards)))

    def finished(self) -> list[tuple[Unit, Outcome | None]]:
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


class _Batch:
    def __init__(
        self, parts: SplitRun, jobs: Sequence[Job], metrics: Metrics, workers: Workers, manifest: Manifest
    ) -> None:
        self._parts, self._metrics, self._workers, self._manifest = parts, metrics, workers, manifest
        self._jobs = {job.index: job for job in jobs}
        self._shards: dict[int, list[Unit]] = {}
        self._queue = UnitQueue(waiting=tuple(Unit(kind=_first_kind(parts, job), index=job.index) for job in jobs))

    @property
    def over(self) -> bool:
        """Whether every input is done or failed."""
        return batch_units.is_empty(self._queue)

    def assign(self) -> None:
        """Give a unit to every idle worker, as long as there are units."""
        while self._workers.free and (unit := batch_units.next_unit(self._queue)) is not None:
            self._queue = batch_units.unit_started(self._queue, unit)
            self._workers.begin(unit, self._jobs[unit.index], self._shards.get(unit.index, ()))

    def collect(self) -> Iterator[tuple[Job, Any]]:
        """Record the units that ended, and queue the units that follow from them."""
        for unit, outcome in self._workers.finished():
            tally = self._metrics.streams[unit.index]
            if tally.failure:  # another unit of the input failed before
                self._queue = batch_units.unit_done(self._queue, unit)
            elif outcome is None:
                self._died(unit)
            else:
                self._metrics.absorb(unit.index, outcome.metrics, result=unit.kind in ("whole", "tail"))
                yield from self._ended(unit, outcome)

    def _ended(self, unit: Unit, outcome: Outcome) -> Iterator[tuple[Job, Any]]:
        tally = self._metrics.streams[unit.index]
        if tally.failure:
            self._fail(unit, tally.failure)
            return
        following: tuple[Unit, ...] = ()
        if unit.kind == "probe":
            assert self._parts.whole.settings.batch is not None
            chunk = fixed_chunk(self._parts)
            following = batch_units.split_input(unit.index, outcome.length, self._parts.whole.settings.batch, chunk)
            self._shards[unit.index] = [part for part in following if part.kind == "shard"]
        self._queue = batch_units.unit_done(self._queue, unit, following)
        if unit.kind in ("whole", "tail"):
            self._manifest.note(tally)
            remove_leftovers(self._jobs[unit.index])
            yield from ((self._jobs[unit.index], receipt) for receipt in tally.results)

    def _died(self, unit: Unit) -> None:
        """A worker died during a unit: retry the unit, or end its input at the second death."""
        self._metrics.restarted(WORKER)
        again = batch_units.worker_died(self._queue, unit)
        if again is not None:
            self._queue = again
            return
        what = "the process of a worker died twice (killed, or out of memory)"
        remedy = "free some memory, or lower batch.workers"
        self._fail(unit, Failure(what=what, where=self._jobs[unit.index].name, remedy=remedy))

    def _fail(self, unit: Unit, failure: Failure) -> None:
        self._metrics.failed(unit.index, failure)
        self._queue = batch_units.input_failed(self._queue, unit)
        self._manifest.note(self._metrics.streams[unit.index])


def _first_kind(parts: SplitRun, job: Job) -> batch_units.UnitKind:
    """The first unit of an input: a probe of its length where it could be split."""
    return "whole" if is_image(job.input) or parts.shard is None else "probe"
