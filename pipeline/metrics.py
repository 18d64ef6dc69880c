"""The metrics of a run: sums over the steps of its lanes, per stream, per lane and per stage."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pipeline.graph import Graph
from pipeline.packet import Failure, Step, Timing, gauges_of, is_result
from pipeline.stage import Job, PlainError


@dataclass(slots=True)
class LaneTally:
    """A lane's sums: seconds its stages were busy, packets it took or started, restarts of its processes.

    `waiting`: packets that wait before it now.
    """

    busy_s: float = 0.0
    packets: int = 0
    restarts: int = 0
    waiting: int = 0


@dataclass(slots=True)
class StreamTally:
    """A stream's sums.

    Attributes:
        job: the input.
        frames_in: frames its source gave.
        frames_done: frames that left the last stage.
        length: frames it will have, when known.
        people: people found so far, added over frames.
        results: the receipts of the files it gave.
        facts: of its stages, for the report.
        gauges: the newest value of each measurement of a running stream.
        poisoned: messages on packets that passed unprocessed.
        failure: why it ended early.
        interrupted, done: how it ended.
    """

    job: Job
    frames_in: int = 0
    frames_done: int = 0
    length: int | None = None
    people: int = 0
    results: list[Any] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    gauges: dict[str, float] = field(default_factory=dict)
    poisoned: list[str] = field(default_factory=list)
    failure: Failure | None = None
    interrupted: bool = False
    done: bool = False

    @property
    def state(self) -> str:
        """Its state in a word or two."""
        if self.failure:
            return "failed"
        if self.interrupted:
            return "interrupted"
        return "done" if self.done else "not finished"

    @property
    def given_up(self) -> list[str]:
        """Messages about parts that are lost: the result is complete without them, and the run fails."""
        losses: list[str] = self.facts.get("given_up", [])
        return losses


class Observer(Protocol):
    """An observer of a run: it gets every step and restart, in the order in which they become known."""

    def step(self, lane: str, stream: int, step: Step) -> None:
        """The result of one call of a lane on a stream."""
        ...

    def restarted(self, lane: str) -> None:
        """A process of a lane died."""
        ...


class Metrics:
    """Sums up the steps that a runner gets; the report and the progress bar read the sums.

    `complaints`: errors beside the results, e.g. of the report or the log.
    """

    def __init__(self, graph: Graph, jobs: Sequence[Job], started: float | None = None) -> None:
        """Args: the graph, all inputs, and the `time.perf_counter()` at which the program started."""
        self.started = time.perf_counter() if started is None else started
        self.first_frame_s: float | None = None
        self.seconds: float | None = None
        self.lanes = {lane.name: LaneTally() for lane in graph.lanes}
        self.stages = {node.name: Timing() for node in graph.nodes}
        self.streams = {job.index: StreamTally(job) for job in jobs}
        self.facts: dict[str, Any] = {}
        self.complaints: list[PlainError] = []
        self._listeners: list[Callable[[], None]] = []
        self._observers: list[Observer] = []

    def listen(self, listener: Callable[[], None]) -> None:
        """Register a function that is called after every step."""
        self._listeners.append(listener)

    def observe(self, observer: Observer) -> None:
        """Register an observer of every step and restart."""
        self._observers.append(observer)

    def restarted(self, lane: str) -> None:
        """Count a process of a lane that died and was replaced."""
        self.lanes.setdefault(lane, LaneTally()).restarts += 1
        for observer in self._observers:
            observer.restarted(lane)

    def step(self, lane: str, stream: int, step: Step) -> None:
        """Add the result of one call of a lane on a stream."""
        tally, entry = self.lanes[lane], self.streams[stream]
        tally.packets += step.packets
        for name, timing in step.timings.items():
            tally.busy_s += timing.busy_s
            self.stages[name] += timing
        entry.frames_in += step.started
        entry.frames_done += step.finished
        entry.people += step.counts.get("People", 0)
        entry.length = step.length or entry.length
        entry.poisoned += [str(failure.error()) for failure in step.poisoned]
        entry.results += filter(is_result, step.receipts)  # other receipts may hold whole frames and are not kept
        for receipt in step.receipts:
            entry.gauges |= gauges_of(receipt)
        for key, value in step.summary.items():
            known = entry.facts.get(key)
            entry.facts[key] = [*known, *value] if isinstance(known, list) and isinstance(value, list) else value
        if step.finished and self.first_frame_s is None:
            self.first_frame_s = time.perf_counter() - self.started
        if step.failure:
            self.failed(stream, step.failure)
        for observer in self._observers:
            observer.step(lane, stream, step)
        for listener in self._listeners:
            listener()

    def rewound(self, stream: int, frames: int) -> None:
        """Reset a stream that restarts after its first `frames` frames, which are committed."""
        entry = self.streams[stream]
        entry.frames_in = entry.frames_done = frames
        entry.facts.clear()
        entry.results.clear()

    def absorb(self, stream: int, other: Metrics, *, result: bool) -> None:
        """Add the metrics of a run in another process.

        Args:
            stream: its input.
            other: its metrics.
            result: whether it made the input's result: its stream then replaces that of this run.
        """
        for name, tally in other.lanes.items():
            mine = self.lanes.setdefault(name, LaneTally())
            mine.busy_s += tally.busy_s
            mine.packets += tally.packets
        for name, timing in other.stages.items():
            self.stages[name] = self.stages.get(name, Timing()) + timing
        self.facts |= other.facts
        theirs = other.streams[stream]
        if result or theirs.failure:
            self.streams[stream] = theirs
        if theirs.frames_done and self.first_frame_s is None and result:
            self.first_frame_s = time.perf_counter() - self.started
        for listener in self._listeners:
            listener()

    def finished_before(self, stream: int) -> None:
        """Record that the result of an input was finished before the run."""
        self.streams[stream].done = True
        self.streams[stream].facts["output"] = self.streams[stream].job.output

    def failed(self, stream: int, failure: Failure) -> None:
        """Record why a stream ended early; its first failure is kept."""
        self.streams[stream].failure = self.streams[stream].failure or failure

    def finish(self) -> None:
        """Stop the clock at the last result; later clean-up does not count."""
        if self.seconds is None:
            self.seconds = time.perf_counter() - self.started
