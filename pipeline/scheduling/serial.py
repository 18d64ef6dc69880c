"""The serial runner: the graph in one process, without Ray; the same lanes in the same order give the same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from pipeline.configuration.config import RunConfig
from pipeline.configuration.plan import Plan
from pipeline.interrupts import Interrupt
from pipeline.lane.worker import LaneWorker, Outcome
from pipeline.observe.metrics import Metrics
from pipeline.packet import FROM_THE_START, Packet, Restart, Step, failure_of
from pipeline.recovery.ending import Receipts, saved_at_the_end
from pipeline.recovery.recovery import Recovery, save_partial_results
from pipeline.stage import Job, PlainError


class _StreamFailedError(Exception):
    """The stream cannot continue; the reason is in the metrics."""


class _DryError(Exception):
    """No packet came after the committed ones."""


def run_serial(
    config: RunConfig, plan: Plan, jobs: Sequence[Job], metrics: Metrics, interrupt: Interrupt
) -> Receipts:
    """Run every input to its end, one after the other.

    Args:
        config: the validated run.
        plan: threads of each lane.
        jobs: the inputs; a failure of one is recorded in `metrics` and the others continue.
        metrics: records every step.
        interrupt: checked between packets; when set, partial results are saved and the run ends.

    Yields:
        (input, receipt) as the sinks yield them.

    Raises PlainError when a stage that all inputs share cannot be built.
    """
    recovery = Recovery(config, plan, jobs)
    runner = _Serial(config, plan, metrics, interrupt, recovery)
    yield from saved_at_the_end(config, jobs, recovery, metrics, interrupt, runner.run(jobs))


class _Serial:
    def __init__(
        self, config: RunConfig, plan: Plan, metrics: Metrics, interrupt: Interrupt, recovery: Recovery
    ) -> None:
        self._config = config
        self._lanes = config.graph.lanes
        self._pass = config.settings.on_error == "pass"
        self._workers = [
            LaneWorker(lane, config.stages, plan.lane(lane.name).threads, lenient=self._pass) for lane in self._lanes
        ]
        self._metrics = metrics
        self._interrupt = interrupt
        self._carried: dict[int, dict[type, Any]] = {}
        self._recovery = recovery
        self._epoch = 0

    def run(self, jobs: Sequence[Job]) -> Receipts:
        """See `run_serial`."""
        try:
            self._prepare()
            for job in jobs:
                if self._interrupt.requested:
                    break
                yield from self._stream(job)
            self._metrics.finish()
        finally:
            self._shutdown()

    def _prepare(self) -> None:
        """Build the stages that streams share. Raises PlainError."""
        for worker in self._workers:
            step, _ = worker.prepare()
            if step.failure:
                raise step.failure.error()
            self._metrics.announce(step.addresses)

    def _stream(self, job: Job) -> Receipts:
        """Run one input from its first packet that is not committed to its last."""
        try:
            restart = self._recovery.begin(job)
            if self._recovery.loses(job.index, restart):
                yield from save_partial_results(self._config, job, self._metrics)
            epoch = 0
            while True:
                try:
                    yield from self._run(job, epoch, restart)
                    return
                except _DryError:
                    restart, epoch = self._recovery.earlier(job.index), epoch + 1
        except PlainError as error:
            self._metrics.failed(job.index, failure_of(error))
        except _StreamFailedError:
            self._complete_parts(job)
        finally:
            for worker in self._workers:
                worker.close(job.index)

    def _run(self, job: Job, epoch: int, restart: Restart) -> Receipts:
        self._carried.clear()
        self._epoch = epoch
        self._metrics.rewound(job.index, restart.frames)
        for worker in self._workers if restart is not FROM_THE_START else ():
            worker.restart(job.index, epoch, restart)
        ended = False
        while not ended and not self._interrupt.requested:
            step, payloads = self._workers[0].pull(job, epoch)
            if step.dry:
                raise _DryError
            ended = step.ended
            yield from self._onward(0, job, (step, payloads))
        if not ended:
            yield from self._keep(job)
        elif not self._metrics.streams[job.index].given_up:
            self._recovery.complete(job.index)
        self._metrics.streams[job.index].done = ended

    def _complete_parts(self, job: Job) -> None:
        """After a failure: let the sinks commit what they have of packets that do not come again."""
        for worker in () if self._recovery.replayable else self._workers:
            step, _ = worker.complete_part(job, self._epoch)
            with suppress(PlainError):  # the reason why the stream failed is known already
                for commit in step.commits:
                    self._recovery.commit(commit)

    def _shutdown(self) -> None:
        """Close every stage and collect its facts for the report."""
        for worker in self._workers:
            self._metrics.facts |= worker.shutdown()

    def _onward(self, index: int, job: Job, outcome: Outcome) -> Receipts:
        """Record a lane's step, then pass its packets, and the end of the stream, through the later lanes."""
        step, payloads = outcome
        yield from self._note(index, job, step)
        while step.emitted:
            yield from self._give(index, job, step.emitted, payloads)
            if not step.pending:
                break
            step, payloads = self._workers[index].drain(job, self._epoch)
            yield from self._note(index, job, step)
        if step.ended and index + 1 < len(self._lanes):
            yield from self._onward(index + 1, job, self._workers[index + 1].finish(job, self._epoch))

    def _give(self, index: int, job: Job, packet: Packet, payloads: Mapping[type, Any]) -> Receipts:
        """Hand a packet that left a lane to the next one."""
        known = {**self._carried.pop(packet.seq, {}), **payloads}
        lane = self._lanes[index + 1]
        self._carried[packet.seq] = {kind: known[kind] for kind in lane.onward if kind in known}
        wanted = {kind: known[kind] for kind in lane.imports if kind in known}
        worker = self._workers[index + 1]
        outcome = worker.accept(job, packet, wanted)
        failure = outcome[0].failure
        if failure and self._pass and not lane.ordered:
            self._metrics.streams[job.index].poisoned.append(str(failure.error()))
            outcome = worker.replace(job, packet, wanted)
        yield from self._onward(index + 1, job, outcome)

    def _note(self, index: int, job: Job, step: Step) -> Receipts:
        self._metrics.step(self._lanes[index].name, job.index, step)
        stream = self._metrics.streams[job.index]
        at_the_end = step.ended and index + 1 == len(self._lanes) and not self._interrupt.requested
        try:
            # A result that has its name needs no journal: one that a crash left would say that it is incomplete.
            for commit in () if at_the_end and not (step.failure or stream.given_up) else step.commits:
                self._recovery.commit(commit)
        except PlainError as error:
            self._metrics.failed(job.index, failure_of(error))
            raise _StreamFailedError from error
        for receipt in step.receipts:
            yield job, receipt
        if step.failure:
            raise _StreamFailedError

    def _keep(self, job: Job) -> Receipts:
        """After an interrupt: let every lane save its partial result; without one, the journal stays for a resume."""
        self._metrics.streams[job.index].interrupted = True
        kept = False
        for index, worker in enumerate(self._workers):
            step, _ = worker.interrupt(job, self._epoch)
            kept = kept or bool(step.receipts)
            yield from self._note(index, job, step)
        if kept:
            self._recovery.remove(job.index)
