"""The serial runner: the graph in one process, without Ray; the same lanes in the same order give the same bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.config import RunConfig
from pipeline.interrupts import Interrupt
from pipeline.metrics import Metrics
from pipeline.packet import FROM_THE_START, Packet, Restart, Step, failure_of
from pipeline.plan import Plan
from pipeline.recovery import Recovery, save_partial_results
from pipeline.stage import Job, PlainError
from pipeline.worker import LaneWorker, Outcome


class _StreamFailedError(Exception):
    """The stream cannot continue; the reason is in the metrics."""


class _DryError(Exception):
    """No packet came after the committed ones."""


def run_serial(
    config: RunConfig, plan: Plan, jobs: Sequence[Job], metrics: Metrics, interrupt: Interrupt
) -> Iterator[tuple[Job, Any]]:
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
    runner = _Serial(config, plan, metrics, interrupt, Recovery(config, plan, jobs))
    try:
        runner.prepare()
        for job in jobs:
            if interrupt.requested:
                break
            yield from runner.stream(job)
        metrics.finish()
    finally:
        runner.shutdown()


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

    def prepare(self) -> None:
        """Build the stages that streams share. Raises PlainError."""
        for worker in self._workers:
            step, _ = worker.prepare()
            if step.failure:
                raise step.failure.error()

    def stream(self, job: Job) -> Iterator[tuple[Job, Any]]:
        """Run one input from its first packet that is not committed to its last."""
        yield from self._stream(job)
        if self._metrics.streams[job.index].failure and self._recovery.has_left(job.index):
            yield from save_partial_results(self._config, job, self._metrics)

    def _stream(self, job: Job) -> Iterator[tuple[Job, Any]]:
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
            return
        finally:
            for worker in self._workers:
                worker.close(job.index)

    def _run(self, job: Job, epoch: int, restart: Restart) -> Iterator[tuple[Job, Any]]:
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
        if ended:
            self._recovery.remove(job.index)
        else:
            yield from self._keep(job)
        self._metrics.streams[job.index].done = ended

    def shutdown(self) -> None:
        """Close every stage and collect its facts for the report."""
        for worker in self._workers:
            self._metrics.facts |= worker.shutdown()

    def _onward(self, index: int, job: Job, outcome: Outcome) -> Iterator[tuple[Job, Any]]:
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

    def _give(self, index: int, job: Job, packet: Packet, payloads: Mapping[type, Any]) -> Iterator[tuple[Job, Any]]:
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

    def _note(self, index: int, job: Job, step: Step) -> Iterator[tuple[Job, Any]]:
        self._metrics.step(self._lanes[index].name, job.index, step)
        try:
            for commit in step.commits:
                self._recovery.commit(commit)
        except PlainError as error:
            self._metrics.failed(job.index, failure_of(error))
            raise _StreamFailedError from error
        for receipt in step.receipts:
            yield job, receipt
        if step.failure:
            raise _StreamFailedError

    def _keep(self, job: Job) -> Iterator[tuple[Job, Any]]:
        """After an interrupt: let every lane save its partial result; without one, the journal stays for a resume."""
        self._metrics.streams[job.index].interrupted = True
        kept = False
        for index, worker in enumerate(self._workers):
            step, _ = worker.interrupt(job, self._epoch)
            kept = kept or bool(step.receipts)
            yield from self._note(index, job, step)
        if kept:
            self._recovery.remove(job.index)
