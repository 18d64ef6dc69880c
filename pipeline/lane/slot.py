"""The slot of a stage in a lane: calls the stage, times it, and matches its items with the packets."""

from __future__ import annotations

import dataclasses
import os
import time
import traceback
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pipeline.configuration.graph import Node
from pipeline.packet import Failure, Packet, Span, Timing
from pipeline.stage import BackgroundWork, Job, Stage, is_plain


class StoppedError(Exception):
    """A stage failed: the stream cannot continue in this lane."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.what)
        self.failure = failure


@dataclasses.dataclass(slots=True)
class Entry:
    """A packet inside a lane, with every payload it carries, one per type."""

    packet: Packet
    payloads: dict[type, Any]


@dataclasses.dataclass(slots=True)
class Meter:
    """The sums of one call of a lane: costs, lengths of payloads, receipts, packets and frames."""

    timings: dict[str, Timing] = dataclasses.field(default_factory=dict)
    spans: list[Span] = dataclasses.field(default_factory=list)
    counts: dict[str, int] = dataclasses.field(default_factory=dict)
    receipts: list[Any] = dataclasses.field(default_factory=list)
    poisoned: list[Failure] = dataclasses.field(default_factory=list)
    addresses: tuple[str, ...] = ()
    packets: int = 0
    started: int = 0
    finished: int = 0

    def spent(self, stage: str, busy_s: float, cpu_s: float) -> None:
        """Add to a stage's cost."""
        self.timings[stage] = self.timings.get(stage, Timing()) + Timing(busy_s=busy_s, cpu_s=cpu_s)

    def did(
        self, stage: str, start_s: float, seconds: float, packet: Packet | None, *, background: bool = False
    ) -> None:
        """Add a span of a stage's work, on a packet or not, in a call or in the background."""
        first, frames = (None, 0) if packet is None else (packet.first, packet.frames)
        self.spans.append(
            Span(
                stage=stage,
                start_s=start_s,
                seconds=seconds,
                process=os.getpid(),
                first=first,
                frames=frames,
                background=background,
            )
        )

    def made(self, payload: Any) -> None:
        """Add a payload's length to the sum of its type."""
        name = type(payload).__name__
        self.counts[name] = self.counts.get(name, 0) + length_of(payload)

    def worked(self, stage: str, frames: int) -> None:
        """Count frames that a stage has processed."""
        self.timings[stage] = self.timings.get(stage, Timing()) + Timing(items=frames)


def length_of(payload: Any) -> int:
    """Frames or people in a payload; 1 for one without a length."""
    return len(payload) if hasattr(payload, "__len__") else 1


def stage_failure(error: Exception, stage: str, where: str) -> Failure:
    """An exception of a stage as data; an error without a plain sentence gets the stage's name."""
    trace = "".join(traceback.format_exception(error))
    if is_plain(error):
        place: str = getattr(error, "where", "")
        parts = [where] if where and where not in place else []
        return Failure(
            what=getattr(error, "what", ""),
            where=", ".join([*parts, place] if place else parts),
            remedy=getattr(error, "remedy", ""),
            trace=trace,
        )
    text = str(error).strip().splitlines()
    reason = f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
    return Failure(
        what=f"stage '{stage}' failed ({reason})",
        where=where,
        remedy="run again with --debug for the traceback",
        trace=trace,
    )


class Slot:
    """A stage of one stream (or shared by all), its wiring, and the packets that it holds."""

    def __init__(self, node: Node, stage: Stage) -> None:
        self.node = node
        self.stage = stage
        self._held: deque[Entry] = deque()

    @property
    def held(self) -> tuple[Entry, ...]:
        """The packets that the stage got and has not yielded an item for, oldest first."""
        return tuple(self._held)

    def hold(self, entry: Entry) -> None:
        """Add a packet that the restored stage holds."""
        self._held.append(entry)

    def forget(self) -> None:
        """Drop the held packets: they are processed in another way."""
        self._held.clear()

    def restore(self, state: bytes, job: Job) -> None:
        """Restore the stage's state."""
        with self._errors_named(job.name):
            self.stage.restore(state)

    def state(self, job: Job) -> bytes:
        """The stage's state for a restart."""
        with self._errors_named(job.name):
            return self.stage.state()

    def reopen(self, job: Job) -> None:
        """No packet follows the restored state: the stage reads from the disk what it would learn from a packet."""
        with self._errors_named(job.name):
            self.stage.reopen(job)

    def summary(self, job: Job) -> Mapping[str, Any]:
        """The stage's facts for the report."""
        with self._errors_named(job.name):
            return self.stage.summary()

    def length(self, job: Job) -> int | None:
        """Frames that a source will yield in all, when it knows."""
        with self._errors_named(job.name):
            return self.stage.length() if self.node.role == "source" else None

    def items(self, job: Job, frames: int, *, continued: bool) -> Iterator[Any]:
        """Start a source; `next_item` returns its items.

        Args:
            job: the stream.
            frames: number of committed frames.
            continued: whether the stream began before.
        """
        with self._errors_named(job.name):
            if continued and not self.stage.replayable:
                self.stage.resume_after(frames)
            return iter(_none_is_empty(self.stage(job)))

    def next_item(self, items: Iterator[Any], job: Job, meter: Meter) -> Any:
        """The next item of a source, or None at its end; timed in the call that requests it."""
        return next(self._timed(lambda: _one(items), job.name, meter), None)

    def apply(self, entry: Entry, meter: Meter) -> Iterator[Entry]:
        """Call the stage with one packet; yields the packets, this or earlier ones, that can move on."""
        where = _place(entry)
        arguments = [entry.payloads.get(port.type) for port in self.node.takes]
        items = self._timed(lambda: self.stage(*arguments), where, meter, entry.packet)
        if self.node.role != "map":
            meter.receipts += list(items)
            meter.worked(self.node.name, entry.packet.frames)
            yield entry
            return
        self._held.append(entry)
        for item in items:
            yield self._aligned(item, where, meter)
        if self._held and not self.node.sequential:
            self._refuse("yielded nothing for a packet", where, "declare it `ordered = True` to hold packets")

    def apply_or_pass(self, entry: Entry, meter: Meter) -> Iterator[Entry]:
        """As `apply`, but if a map fails on a packet, its blank item replaces the result and the packet moves on.

        A look-ahead stage that holds other packets still fails: its next item could belong to any of them.
        """
        try:
            yield from self.apply(entry, meter)
        except StoppedError as stopped:
            if self.node.role != "map" or len(self._held) != 1 or self._held[0] is not entry:
                raise
            self._held.clear()
            self.blank(entry)
            meter.poisoned.append(stopped.failure)
            yield entry

    def flush(self, job: Job, meter: Meter) -> Iterator[Entry]:
        """End of the stream: yields the packets that the stage still held."""
        for item in self._timed(self.stage.flush, job.name, meter):
            if self.node.role == "map":
                yield self._aligned(item, job.name, meter)
            else:
                meter.receipts.append(item)
        if self._held:
            self._refuse(f"ended with {len(self._held)} packets unanswered", job.name, "yield one item per packet")

    def complete_part(self, job: Job, meter: Meter) -> None:
        """No more packets come to this process: collect the receipts of what the stage makes complete."""
        meter.receipts += list(self._timed(self.stage.complete_part, job.name, meter))

    def interrupt(self, job: Job, meter: Meter) -> None:
        """The run stops early: collect the receipts of what the stage saves."""
        meter.receipts += list(self._timed(self.stage.interrupt, job.name, meter))

    def count_background_work(self, meter: Meter) -> None:
        """Add cost and spans of the stage's background work."""
        if self.stage.background is not None:
            for begun, seconds in self.stage.background.new_pieces():
                meter.did(self.node.name, begun, seconds, None, background=True)
            meter.spent(self.node.name, 0.0, self.stage.background.new_cpu_s())

    def blank(self, entry: Entry) -> None:
        """Put the stage's blank item into a packet that cannot be processed."""
        if self.node.role != "map":
            return
        with self._errors_named(_place(entry)):
            item = self.stage.blank(*(entry.payloads.get(port.type) for port in self.node.takes))
        if item is None:
            self._refuse("cannot pass a packet unprocessed", _place(entry), "correct the cause above")
        entry.payloads.update(self.as_payloads(item, _place(entry)))

    def as_payloads(self, item: Any, where: str) -> dict[type, Any]:
        """A yielded item as payloads by type, read-only from here on; refuses types the annotation doesn't name."""
        payloads = {type(payload): payload for payload in (item if isinstance(item, tuple) else (item,))}
        for kind, payload in payloads.items():
            if kind not in self.node.makes:
                self._refuse(f"yielded {kind.__name__}, which its annotation does not name", where, "correct it")
            make_read_only(payload)
        return payloads

    def _aligned(self, item: Any, where: str, meter: Meter) -> Entry:
        """The oldest held packet, with the payloads of this item: the k-th item belongs to the k-th packet."""
        made = self.as_payloads(item, where)
        if not self._held:
            self._refuse("yielded more items than it got packets", where, "yield one item per packet")
        entry = self._held.popleft()
        for kind, payload in made.items():
            if kind not in entry.payloads:  # a newer payload of a type has the same people: they count once
                meter.made(payload)
        entry.payloads.update(made)
        meter.worked(self.node.name, entry.packet.frames)
        return entry

    def _timed(self, call: Any, where: str, meter: Meter, packet: Packet | None = None) -> Iterator[Any]:
        """Call, then iterate over the result and time each step; an exception becomes `StoppedError`."""
        items: Iterator[Any] | None = None
        given = 0
        while True:
            begun, wall, cpu = time.time(), time.perf_counter(), _cpu_s()
            try:
                if items is None:
                    items = iter(_none_is_empty(call()))
                item = next(items, _END)
            except Exception as error:
                raise StoppedError(stage_failure(error, self.node.name, where)) from error
            finally:
                busy_s = time.perf_counter() - wall
                meter.spent(self.node.name, busy_s, _cpu_s() - cpu)
            if item is not _END or not given:  # the step that only finds the end is not recorded
                meter.did(self.node.name, begun, busy_s, packet)
            if item is _END:
                return
            given += 1
            yield item

    @contextmanager
    def _errors_named(self, where: str) -> Iterator[None]:
        """Turn every exception of the stage into `StoppedError`."""
        try:
            yield
        except Exception as error:
            raise StoppedError(stage_failure(error, self.node.name, where)) from error

    def _refuse(self, what: str, where: str, remedy: str) -> None:
        raise StoppedError(Failure(what=f"stage '{self.node.name}' {what}", where=where, remedy=remedy))


_END = object()


def _cpu_s() -> float:
    """CPU seconds of this process without the background work of stages."""
    return time.process_time() - BackgroundWork.running_cpu_s()


def _none_is_empty(result: Iterable[Any] | None) -> Iterable[Any]:
    return () if result is None else result


def _one(items: Iterator[Any]) -> tuple[Any, ...]:
    """The next of some items, if there is one."""
    item = next(items, _END)
    return () if item is _END else (item,)


def _place(entry: Entry) -> str:
    packet = entry.packet
    job: Job = entry.payloads[Job]
    last = packet.first + packet.frames - 1
    frames = f"frame {packet.first}" if last <= packet.first else f"frames {packet.first}..{last}"
    return f"{job.name or job.stem}, {frames}"


def make_read_only(payload: Any) -> None:
    """Make the arrays in a payload read-only, as arrays from another process are anyway."""
    if hasattr(payload, "setflags"):
        payload.setflags(write=False)
    elif isinstance(payload, (tuple, list)):
        for member in payload:
            make_read_only(member)
    elif dataclasses.is_dataclass(payload):
        for spec in dataclasses.fields(payload):
            make_read_only(getattr(payload, spec.name))
