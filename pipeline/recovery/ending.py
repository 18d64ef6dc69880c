"""How a run ends before its inputs do: recordings get their name, and partial results of the others are saved."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.configuration.config import RunConfig
from pipeline.files.working_folder import working_folder
from pipeline.interrupts import Interrupt
from pipeline.lane.slot import stage_failure
from pipeline.observe.metrics import Metrics
from pipeline.packet import FROM_THE_START, Restart
from pipeline.recovery.recovery import Recovery, save_partial_results, saved_by_sinks
from pipeline.stage import Job

Receipts = Iterator[tuple[Job, Any]]


def saved_at_the_end(
    config: RunConfig,
    jobs: Sequence[Job],
    recovery: Recovery,
    metrics: Metrics,
    interrupt: Interrupt,
    results: Receipts,
) -> Receipts:
    """The receipts of a run, then those of the results that are saved because it ended early, for whatever reason.

    A source that cannot be replayed makes recordings: whoever stopped or gave up, the complete parts get the final
    name. Where the run was stopped, the recording is over and the parts are removed; else they stay, so that the run
    can be resumed. Parts of other inputs stay, and those that this run could not resume are saved as a partial result.

    Args:
        config, jobs, recovery, metrics, interrupt: of the run.
        results: the receipts of its runner, whose processes have ended with the last one.
    """
    try:
        try:
            yield from results
        except Exception:
            yield from _saved(config, jobs, recovery, metrics, interrupt)
            raise
        yield from _saved(config, jobs, recovery, metrics, interrupt)
    finally:  # also after a second signal
        for job in jobs:
            metrics.streams[job.index].kept = _kept(recovery, job)


def _saved(
    config: RunConfig, jobs: Sequence[Job], recovery: Recovery, metrics: Metrics, interrupt: Interrupt
) -> Receipts:
    for job in jobs:
        stream = metrics.streams[job.index]
        if not recovery.replayable and recovery.begins(job):
            restart = recovery.point(job.index)
            if stream.done or _has_result(metrics, job) or restart is FROM_THE_START:
                continue
            if interrupt.requested:
                yield from _stopped_recording(config, job, restart, metrics)
            else:
                yield from _recording_so_far(config, job, metrics)
            if stream.interrupted and _has_result(metrics, job):
                recovery.remove(job.index)
        elif stream.failure and recovery.has_left(job.index):
            yield from save_partial_results(config, job, metrics)


def _kept(recovery: Recovery, job: Job) -> str:
    """The sentence for `StreamTally.kept`. Parts that this run may not resume are named by the error that says so."""
    frames = recovery.kept_frames(job)
    if not job.output or not frames:
        return ""
    counted = "1 frame is" if frames == 1 else f"{frames} frames are"
    folder = os.path.join(working_folder(job.output), "")
    return f"{counted} kept in {folder}; the same command with --resume continues after them"


def _has_result(metrics: Metrics, job: Job) -> bool:
    return any(result.path == job.output for result in metrics.streams[job.index].results)


def _recording_so_far(config: RunConfig, job: Job, metrics: Metrics) -> Receipts:
    """The complete parts under the final name; they stay, for a resumed run."""
    return saved_by_sinks(config, job, metrics, lambda stage: stage.save_complete_parts(job))


def _stopped_recording(config: RunConfig, job: Job, restart: Restart, metrics: Metrics) -> Receipts:
    """What the stages that write save after the last commit, as they do where their process is alive."""
    metrics.streams[job.index].interrupted = True
    for node in config.graph.nodes:
        if node.role in ("sink", "tap") and node.sequential:
            stage = node.cls(config.stages[node.name])
            try:
                stage.restore(restart.states.get(node.name, b""))
                stage.reopen(job)
                for receipt in stage.interrupt():
                    metrics.streams[job.index].results.append(receipt)
                    yield job, receipt
            except Exception as error:
                metrics.failed(job.index, stage_failure(error, node.name, job.name))
            finally:
                stage.close()


def save_interrupted_results(
    config: RunConfig, jobs: Sequence[Job], recovery: Recovery, metrics: Metrics, interrupt: Interrupt
) -> Receipts:
    """The receipts of a run whose processes are gone, and which is not started again: it only saves what it has."""
    if recovery.replayable and interrupt.requested:
        for job in jobs:
            metrics.streams[job.index].interrupted = True
            yield from save_partial_results(config, job, metrics)
    yield from saved_at_the_end(config, jobs, recovery, metrics, interrupt, iter(()))
