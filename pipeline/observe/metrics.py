"""The metrics of a run: sums over the steps of its lanes, per stream, per lane and per stage."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.configuration.graph import Graph
from pipeline.observe.observer import FileRecord, Observer, WorkerDeath
from pipeline.packet import Failure, Step, Timing, gauges_of, is_result
from pipeline.stage import Job, PlainError

_SHORT = 40
"""Texts up to this length are words, of which many files have the same."""


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
        counted: whether the sums over ended streams include it.
        kept: which parts stay for a resumed run, as a sentence; empty if none do.
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
    counted: bool = False
    kept: str = ""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over all streams of a run.

    Attributes:
        done, failed: number of streams that ended so.
        frames_in, frames_done, people: see `StreamTally`.
        poisoned: number of packets that passed unprocessed.
        stated: sum of the lengths that are known.
        expected: the same, with the frames that came in place of the lengths of ended streams.
        unknown: number of streams that have not ended and whose lengths are unknown.
    """

    done: int = 0
    failed: int = 0
    frames_in: int = 0
    frames_done: int = 0
    people: int = 0
    poisoned: int = 0
    stated: int = 0
    expected: int = 0
    unknown: int = 0


class Metrics:
    """Sums up the steps that a runner gets; the report and the progress bar read the sums.

    Attributes:
        complaints: errors beside the results, e.g. of the report or the log.
        unit: what the source gives, as a word.
        finds_people: whether a stage finds people.
    """

    def __init__(self, graph: Graph, jobs: Sequence[Job], started: float | None = None) -> None:
        """Args: the graph, all inputs, and the `time.perf_counter()` at which the program started."""
        self.started = time.perf_counter() if started is None else started
        self.first_frame_s: float | None = None
        self.seconds: float | None = None
        self.unit = next((node.cls.unit for node in graph.nodes), "frames")
        self.finds_people = any(made.__name__ == "People" for node in graph.nodes for made in node.makes)
        self.lanes = {lane.name: LaneTally() for lane in graph.lanes}
        self.stages = {node.name: Timing() for node in graph.nodes}
        self.streams = {job.index: StreamTally(job) for job in jobs}
        self._under_way: set[int] = set()
        self._ended = Counter[str]()
        self.facts: dict[str, Any] = {}
        self.complaints: list[PlainError] = []
        self._listeners: list[Callable[[], None]] = []
        self._observers: list[Observer] = []
        self._speakers: list[Callable[[str], None]] = []
        self._announced: set[str] = set()

    def listen(self, listener: Callable[[], None]) -> None:
        """Register a function that is called after every step."""
        self._listeners.append(listener)

    def observe(self, observer: Observer) -> None:
        """Register an observer of every step and restart."""
        self._observers.append(observer)

    def speak(self, speaker: Callable[[str], None]) -> None:
        """Register a function that shows a sentence to the user."""
        self._speakers.append(speaker)

    def announce(self, sentences: Iterable[str]) -> None:
        """Show sentences to the user; each once, also where a process is replaced."""
        for sentence in sentences:
            for speaker in self._speakers if sentence not in self._announced else ():
                speaker(sentence)
            self._announced.add(sentence)

    def restarted(self, lane: str, death: WorkerDeath | None = None) -> None:
        """Count a process of a lane that died and was replaced."""
        self.lanes.setdefault(lane, LaneTally()).restarts += 1
        for observer in self._observers:
            observer.restarted(lane, death)

    def recorded(self, record: FileRecord) -> None:
        """Pass on how an input of a batch ended."""
        for observer in self._observers:
            observer.recorded(record)

    def elapsed(self) -> None:
        """Call the listeners while nothing happens: time has passed."""
        for listener in self._listeners:
            listener()

    @property
    def under_way(self) -> list[StreamTally]:
        """The streams that have begun and not ended."""
        for index in list(self._under_way):
            stream = self.streams[index]
            if stream.done or stream.failure:
                try:
                    self._under_way.remove(index)
                except KeyError:  # another thread has counted it
                    continue
                stream.counted = True
                self._ended.update(_sums(stream))
        return [self.streams[index] for index in sorted(self._under_way)]

    def totals(self) -> Totals:
        """Sums over all streams. Costs as much as there are streams under way, however many there are in all."""
        sums = Counter[str]()
        under_way = self.under_way
        for stream in under_way:
            sums.update(_sums(stream))
        sums.update(self._ended)
        fresh = len(self.streams) - len(under_way) - self._ended["done"] - self._ended["failed"]
        sums["unknown"] += fresh
        return Totals(**sums)

    def _begun(self, index: int) -> StreamTally:
        """The tally of a stream, which counts as under way until it has ended."""
        if not self.streams[index].counted:
            self._under_way.add(index)
        return self.streams[index]

    def step(self, lane: str, stream: int, step: Step) -> None:
        """Add the result of one call of a lane on a stream."""
        tally, entry = self.lanes[lane], self._begun(stream)
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
        self.announce(step.addresses)
        for observer in self._observers:
            observer.step(lane, stream, step)
        for listener in self._listeners:
            listener()

    def rewound(self, stream: int, frames: int) -> None:
        """Reset a stream that restarts after its first `frames` frames, which are committed."""
        entry = self._begun(stream)
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
            theirs.job = self.streams[stream].job
            theirs.facts = _with_shared_texts(theirs.facts)
            theirs.results = [_with_shared_texts_in(result, theirs.job.output) for result in theirs.results]
            self.streams[stream] = theirs
            theirs.kept = ""  # the same command continues a batch, without --resume
        self._begun(stream)
        if theirs.frames_done and self.first_frame_s is None and result:
            self.first_frame_s = time.perf_counter() - self.started
        for listener in self._listeners:
            listener()

    def finished_before(self, stream: int) -> None:
        """Record that the result of an input was finished before the run."""
        entry = self._begun(stream)
        entry.done = True
        entry.facts["output"] = entry.job.output

    def failed(self, stream: int, failure: Failure) -> None:
        """Record why a stream ended early; its first failure is kept."""
        entry = self._begun(stream)
        entry.failure = entry.failure or failure

    def finish(self) -> None:
        """Stop the clock at the last result; later clean-up does not count."""
        if self.seconds is None:
            self.seconds = time.perf_counter() - self.started


def _with_shared_texts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The same facts; what came from other processes has a copy of each key and word for each file of a batch."""
    return {
        sys.intern(key): sys.intern(value) if isinstance(value, str) and len(value) <= _SHORT else value
        for key, value in facts.items()
    }


def _with_shared_texts_in(result: Any, output: str | None) -> Any:
    path = output if result.path == output else result.path
    return dataclasses.replace(result, path=path, facts=_with_shared_texts(result.facts))


def warnings_of(stream: StreamTally) -> list[str]:
    """The warnings about a stream, each once."""
    found = [*stream.facts.get("warnings", []), *stream.poisoned]
    for result in stream.results:
        found += result.facts.get("warnings", [])
    return list(dict.fromkeys(found))


def sums_of(stream: StreamTally) -> Totals:
    """The sums over one stream."""
    return Totals(**_sums(stream))


def _sums(stream: StreamTally) -> dict[str, int]:
    """What a stream adds to the fields of `Totals`."""
    ended = stream.done or stream.failure is not None
    return {
        "done": int(stream.done and not stream.failure),
        "failed": int(stream.failure is not None),
        "frames_in": stream.frames_in,
        "frames_done": stream.frames_done,
        "people": stream.people,
        "poisoned": len(stream.poisoned),
        "stated": stream.length or 0,
        "expected": stream.frames_done if ended else stream.length or 0,
        "unknown": int(not ended and stream.length is None),
    }
