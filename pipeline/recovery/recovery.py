"""Recovery: where a stream resumes after a crash, and the partial result of a stream that cannot be resumed."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.configuration.config import RunConfig
from pipeline.configuration.graph import Graph
from pipeline.configuration.plan import Plan
from pipeline.files.file_lock import is_locked
from pipeline.files.made_from import record_origin, recorded_origin
from pipeline.files.working_folder import CLAIM, SAVED, working_folder
from pipeline.observe.metrics import Metrics
from pipeline.packet import FROM_THE_START, Commit, Restart
from pipeline.recovery.journal import NAMES, Journal, has_parts, remove_parts
from pipeline.redaction import address_key
from pipeline.stage import Job, PlainError, Stage

PATIENCE_S = 5.0
"""A killed process may hold its lock for a moment after its successor has started."""


class Recovery:
    """The journals of all inputs of a run.

    Args:
        config, plan: the run. A hash of everything that decides its results identifies the journals; to resume, it must
            be the same.
        jobs: the inputs.
    """

    def __init__(self, config: RunConfig, plan: Plan, jobs: Sequence[Job]) -> None:
        settings = settings_of(config, plan)
        self._restorable = one_lane_has_all_states(config.graph)
        self._replayable = config.graph.nodes[0].cls.replayable
        identities = {job.index: _identity(settings, job, replayable=self._replayable) for job in jobs}
        self._journals = {job.index: Journal.of(job, identities[job.index]) for job in jobs}
        self._left: set[int] = set()
        self._begun: set[int] = set()
        self._outputs = {job.index: job.output for job in jobs}

    @property
    def replayable(self) -> bool:
        """Whether the source can repeat its packets; else the results are recordings."""
        return self._replayable

    def begin(self, job: Job) -> Restart:
        """Where an input begins: with `resume`, after the last commit of an earlier run.

        Raises:
            PlainError: another run is writing the result; or an unfinished result exists and neither `resume` nor
                `overwrite` is set, or another run made it.
        """
        if job.output and is_locked(Path(working_folder(job.output)) / CLAIM, PATIENCE_S):
            remedy = "wait until it ends, or name another output with -o"
            raise PlainError("another run is writing this output", job.output, remedy)
        try:
            restart = self._beginning(job)
            self._begun.add(job.index)
            return restart
        except OSError as error:  # a folder that may not be read, a name that is too long
            what = f"the parts of an earlier run cannot be looked for ({error.strerror})"
            raise PlainError(what, job.output or "", "name another output with -o") from error

    def _beginning(self, job: Job) -> Restart:
        journal = self._journals[job.index]
        if job.resume and not (job.overwrite and journal.is_foreign()):
            if has_parts(job):
                self._left.add(job.index)
            journal.check()
            return self.point(job.index)
        if not job.overwrite and (records := journal.read()):
            what = f"{records[-1].frames} frames of an unfinished result are there"
            remedy = "add --resume to continue after them, or --overwrite to start anew"
            raise PlainError(what, str(journal.path and journal.path.parent), remedy)
        self.remove(job.index)
        return FROM_THE_START

    def has_left(self, index: int) -> bool:
        """Whether an earlier run left parts that this run is to resume."""
        return index in self._left

    def begins(self, job: Job) -> bool:
        """Whether the parts on the disk are this run's: it has begun the input, or can resume it."""
        if job.resume and not self.has_begun(job.index):
            with contextlib.suppress(PlainError):
                self.begin(job)
        return self.has_begun(job.index)

    def has_begun(self, index: int) -> bool:
        """Whether this run has begun an input."""
        return index in self._begun

    def loses(self, index: int, restart: Restart) -> bool:
        """Whether parts are left that a start from the beginning would delete, of a source that cannot be replayed."""
        return index in self._left and restart is FROM_THE_START and not self._replayable

    def point(self, index: int) -> Restart:
        """The point after the last commit on the disk; the start if there is none. Raises PlainError."""
        records = self._journals[index].read()
        if not records:
            return FROM_THE_START
        last = records[-1]
        return Restart(packets=last.packets, frames=last.frames, states=last.states, waiting=last.waiting)

    def earlier(self, index: int) -> Restart:
        """The point before the last commit, for a source without packets after it: a sink needs one more packet."""
        self._journals[index].read()
        self._journals[index].drop_last()
        return self.point(index)

    def commit(self, commit: Commit) -> None:
        """Write a commit to the journal. Raises PlainError if that fails."""
        if self._restorable:
            self._journals[commit.stream].append(commit if self._replayable else without_held_packets(commit))

    def kept_frames(self, job: Job) -> int:
        """Number of frames in the parts that this run leaves for a resumed one."""
        records = self._journals[job.index].read() if self.has_begun(job.index) else []
        part = records[-1].receipt if records else {}
        return int(part["first"]) + int(part["frames"]) if {"first", "frames"} <= part.keys() else 0

    def complete(self, index: int) -> None:
        """The result has its name: let it carry what it was made from, and delete the journal."""
        if self._replayable and (output := self._outputs[index]):
            record_origin(output, self._journals[index].identity)
        self.remove(index)

    def would_make(self, job: Job) -> bool | None:
        """Whether this run would make a finished result from its input with its settings; None = unknown."""
        journal = self._journals[job.index]
        stored = recorded_origin(job.output or "") or journal.stored_identity()
        return None if stored is None else stored == journal.identity

    def remove(self, index: int) -> None:
        """Delete the journal of a stream, and the parts of a recording that has its name."""
        if not self._replayable:
            remove_parts(self._outputs[index] or "", SAVED)
        self._journals[index].remove()


def without_held_packets(commit: Commit) -> Commit:
    """The commit where held packets do not come again: a restart is without them, and their holders begin anew."""
    if not commit.waiting:
        return commit
    holders = {one.stage for one in commit.waiting.values()}
    states = {stage: state for stage, state in commit.states.items() if stage not in holders}
    packets = commit.packets + len(commit.waiting)
    return dataclasses.replace(commit, packets=packets, frames=commit.seen, states=states, waiting={})


def one_lane_has_all_states(graph: Graph) -> bool:
    """Whether a commit of one lane holds everything that a restart needs: the states of all ordered stages.

    Sources need no state: they skip the committed packets. If several lanes have ordered stages, no packet
    divides all of their states into before and after. An ordered stage without `state` and `restore` cannot be
    restored. In both cases recovery starts a stream from its first packet.
    """
    ordered = [
        (lane.name, node) for lane in graph.lanes for node in lane.nodes if node.sequential and node.role != "source"
    ]
    restorable = all(node.cls.state is not Stage.state and node.cls.restore is not Stage.restore for _, node in ordered)
    return restorable and len({lane for lane, _ in ordered}) <= 1


def settings_of(config: RunConfig, plan: Plan) -> str:
    """Everything that decides a result apart from its input: stages, their settings, and their compute threads."""
    lanes = [(lane.name, plan.lane(lane.name).threads, [n.name for n in lane.nodes]) for lane in config.graph.lanes]
    classes = {node.name: node.cls for node in config.graph.nodes}
    stages = sorted((name, classes.get(name, Stage).result_settings(keys)) for name, keys in config.stages.items())
    return repr((lanes, stages))


def _identity(settings: str, job: Job, *, replayable: bool) -> str:
    """The identity of one input's run: a hash of settings, and of the input's path, size and date.

    Size and date do not count for a live source, which grows while it is recorded.
    """
    state = (0, 0)
    with contextlib.suppress(OSError):  # a URL, or no file at all
        facts = os.stat(job.input)
        state = (facts.st_size, facts.st_mtime_ns) if replayable else state
    return NAMES + hashlib.sha256(repr((settings, address_key(job.input), state)).encode()).hexdigest()


def save_partial_results(config: RunConfig, job: Job, metrics: Metrics) -> Iterator[tuple[Job, Any]]:
    """Let the sinks save the whole parts of a result that this run cannot resume; yields their receipts.

    The parts themselves stay, so that another run can still resume them. Arguments as for `saved_by_sinks`.
    """
    return saved_by_sinks(config, job, metrics, lambda stage: stage.save_partial_result(job))


def saved_by_sinks(
    config: RunConfig, job: Job, metrics: Metrics, save: Callable[[Stage], Iterator[Any]]
) -> Iterator[tuple[Job, Any]]:
    """Let sinks that get no packets save the complete parts of a result; yields their receipts.

    Args:
        config: the run.
        job: the input of the result.
        metrics: where the receipts are added.
        save: calls the method of a sink that saves them.
    """
    for node in config.graph.nodes:
        if node.role != "sink" or not node.sequential:
            continue
        stage = node.cls(config.stages[node.name])
        try:
            for receipt in save(stage):
                metrics.streams[job.index].results.append(receipt)
                yield job, receipt
        except Exception:  # e.g. a full disk: this must not hide the reason why the run ended
            continue
        finally:
            stage.close()
