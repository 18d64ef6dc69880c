"""Where streams go on after something died: the journals of a run, and what may be taken from them."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.config import RunConfig
from pipeline.graph import Graph
from pipeline.journal import NAMES, Journal
from pipeline.metrics import Metrics
from pipeline.packet import FROM_THE_START, Commit, Restart
from pipeline.plan import Plan
from pipeline.redaction import address_key
from pipeline.stage import Job, PlainError, Stage


class Recovery:
    """The journals of all inputs of a run.

    Args:
        config, plan: the run; what decides its results is written into the journals, and must be the same to resume.
        jobs: the inputs.
    """

    def __init__(self, config: RunConfig, plan: Plan, jobs: Sequence[Job]) -> None:
        settings = settings_of(config, plan)
        self._restorable = one_lane_has_all_states(config.graph)
        self._replayable = config.graph.nodes[0].cls.replayable
        identities = {job.index: _identity(settings, job, replayable=self._replayable) for job in jobs}
        self._journals = {job.index: Journal.of(job, identities[job.index]) for job in jobs}
        self._left: set[int] = set()

    def begin(self, job: Job) -> Restart:
        """Where an input begins: after what an earlier run of it left, if that is wanted.

        Raises:
            PlainError: an unfinished result is there, and it was not said what is to become of it; or it is of another
                run.
        """
        try:
            return self._begun(job)
        except OSError as error:  # a folder that may not be read, a name that is too long
            what = f"what an earlier run may have left cannot be looked for ({error.strerror})"
            raise PlainError(what, job.output or "", "name another output with -o") from error

    def _begun(self, job: Job) -> Restart:
        journal = self._journals[job.index]
        if job.resume and not (job.overwrite and journal.is_foreign()):
            if journal.path is not None and journal.path.parent.is_dir():
                self._left.add(job.index)
            journal.check()
            return self.point(job.index)
        if not job.overwrite and (records := journal.read()):
            what = f"{records[-1].frames} frames of an unfinished result are there"
            remedy = "--resume goes on after them, --overwrite starts anew"
            raise PlainError(what, str(journal.path and journal.path.parent), remedy)
        self.remove(job.index)
        return FROM_THE_START

    def has_left(self, index: int) -> bool:
        """Whether an earlier run left parts that this one is to go on with."""
        return index in self._left

    def loses(self, index: int, restart: Restart) -> bool:
        """Whether parts are left that a start would throw away, and their source cannot give them again."""
        return index in self._left and restart is FROM_THE_START and not self._replayable

    def point(self, index: int) -> Restart:
        """After the last commit that is on the disk; from the start where there is none. Raises PlainError."""
        records = self._journals[index].read()
        if not records:
            return FROM_THE_START
        last = records[-1]
        return Restart(packets=last.packets, frames=last.frames, states=last.states, waiting=last.waiting)

    def earlier(self, index: int) -> Restart:
        """The point before: nothing came after the last one, and a sink needs a packet to know what it writes."""
        self._journals[index].read()
        self._journals[index].drop_last()
        return self.point(index)

    def commit(self, commit: Commit) -> None:
        """Note what stands for good. Raises PlainError where the disk refuses.

        Packets that wait must come again, which a source that cannot give them again does not do.
        """
        if self._restorable and (self._replayable or not commit.waiting):
            self._journals[commit.stream].append(commit)

    def remove(self, index: int) -> None:
        """There is nothing to go back to any more."""
        self._journals[index].remove()


def one_lane_has_all_states(graph: Graph) -> bool:
    """Whether a commit of one lane says all that a restart needs: every state there is, is in it and can be told.

    Sources have none: they count through what stands for good. Where states lie apart, no single packet divides all
    of them into before and after; an ordered stage without a `state` of its own cannot say what it remembers. Recovery
    then starts a stream from its first packet.
    """
    ordered = [
        (lane.name, node) for lane in graph.lanes for node in lane.nodes if node.sequential and node.role != "source"
    ]
    told = all(node.cls.state is not Stage.state and node.cls.restore is not Stage.restore for _, node in ordered)
    return told and len({lane for lane, _ in ordered}) <= 1


def settings_of(config: RunConfig, plan: Plan) -> str:
    """Everything that decides a result, apart from its input: the stages, their settings, their compute threads."""
    lanes = [(lane.name, plan.lane(lane.name).threads, [n.name for n in lane.nodes]) for lane in config.graph.lanes]
    stages = sorted((name, dataclasses.asdict(stage)) for name, stage in config.stages.items())
    return repr((lanes, stages))


def _identity(settings: str, job: Job, *, replayable: bool) -> str:
    """Of one input's run: settings, and the input's path, size and date; a live source's grow while it is recorded."""
    state = (0, 0)
    with contextlib.suppress(OSError):  # a URL, or no file at all
        facts = os.stat(job.input)
        state = (facts.st_size, facts.st_mtime_ns) if replayable else state
    return NAMES + hashlib.sha256(repr((settings, address_key(job.input), state)).encode()).hexdigest()


def save_partial_results(config: RunConfig, job: Job, metrics: Metrics) -> Iterator[tuple[Job, Any]]:
    """The receipts of what is saved; the parts themselves stay, so that another run can still go on with them.

    Args:
        config: the run, whose sinks know their own parts.
        job: the input whose result it is.
        metrics: takes the receipts up.
    """
    for node in config.graph.nodes:
        if node.role != "sink" or not node.sequential:
            continue
        stage = node.cls(config.stages[node.name])
        try:
            for receipt in stage.save_partial_result(job):
                metrics.streams[job.index].results.append(receipt)
                yield job, receipt
        except Exception:  # a full disk, say: why the run ended is told, and this must not hide it
            continue
        finally:
            stage.close()


def save_interrupted_results(config: RunConfig, jobs: Sequence[Job], metrics: Metrics) -> Iterator[tuple[Job, Any]]:
    """As `save_partial_results`, of every input of a run that was asked to stop, and whose processes are gone."""
    for job in jobs:
        metrics.streams[job.index].interrupted = True
        yield from save_partial_results(config, job, metrics)
