"""What passes between lanes and runner: envelopes, and what one call of a lane gave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from pipeline.redaction import redacted
from pipeline.stage import PlainError


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """The envelope of the payloads that belong together; the payloads travel beside it.

    Attributes:
        stream: number of the input it belongs to.
        epoch: how often the stream was given up or rewound before; what arrives from an older epoch is stale.
        seq: position in the stream, from 0 without gaps; every lane keeps it.
        first: index of its first frame in the stream.
        frames: number of frames in it.
        bytes: what its source's payloads take in memory, nearly all of them frames.
    """

    stream: int
    epoch: int
    seq: int
    first: int
    frames: int
    bytes: int = 0


def bytes_of(payloads: Iterable[Any]) -> int:
    """What the arrays of payloads take in memory."""
    known = (payload for payload in payloads if is_dataclass(payload))
    values = (getattr(payload, field.name) for payload in known for field in fields(payload))
    return sum(getattr(value, "nbytes", 0) for value in values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error as plain data, so that it crosses processes whole: the sentence, and the traceback for `--debug`.

    Secrets of addresses in them are left out.
    """

    what: str
    where: str
    remedy: str
    trace: str = ""

    def __post_init__(self) -> None:
        """Leave out secrets."""
        for part in ("what", "where", "remedy", "trace"):
            object.__setattr__(self, part, redacted(getattr(self, part)))

    def error(self) -> PlainError:
        """The same as an exception."""
        return PlainError(self.what, self.where, self.remedy)


def failure_of(error: PlainError) -> Failure:
    """An exception as plain data."""
    return Failure(what=error.what, where=error.where, remedy=error.remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Cost of a stage: wall seconds, CPU seconds of its process, and items: the frames that it has done."""

    busy_s: float = 0.0
    cpu_s: float = 0.0
    items: int = 0

    def __add__(self, other: Timing) -> Timing:
        return Timing(busy_s=self.busy_s + other.busy_s, cpu_s=self.cpu_s + other.cpu_s, items=self.items + other.items)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One stretch of a stage's work.

    Attributes:
        stage: its name.
        start_s: when it began, seconds since 1970.
        seconds: how long it took.
        process: number of the process that it ran in.
        first, frames: which frames of the stream it was given; None at its beginning and end, and aside.
        background: whether it went on between the stage's calls (`BackgroundWork`).
    """

    stage: str
    start_s: float
    seconds: float
    process: int
    first: int | None = None
    frames: int = 0
    background: bool = False


def is_result(receipt: Any) -> bool:
    """True for a receipt that names a file of the result: `path`, `frames`, and `facts` for the report."""
    return all(hasattr(receipt, part) for part in ("path", "frames", "facts"))


def gauges_of(receipt: Any) -> Mapping[str, float]:
    """The values of a receipt that tells how things stand in a run that goes on (`gauges`, by name); else none."""
    gauges: Mapping[str, float] = getattr(receipt, "gauges", {})
    return gauges


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPacket:
    """A packet that a look-ahead stage held back at a commit.

    After a restart it is decoded again, skips the stages that saw it already, and goes to the stage that held it.

    Attributes:
        stage: the name of the stage that held it.
        payloads: what earlier stages of the lane made for it and later ones take, packed (`pipeline.held_packets`).
    """

    stage: str
    payloads: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A part of a stream's result that stands for good, with what a restart right after it needs.

    Attributes:
        stream, epoch: whose.
        packets: how many of the stream have left every stage of the lane; those that follow come again.
        frames: frames in them.
        receipt: the sink's payload that says what was committed.
        states: `state()` of the lane's ordered stages, by stage name.
        waiting: the packets after those that stages have seen and hold back, by `seq`.
    """

    stream: int
    epoch: int
    packets: int
    frames: int
    receipt: Any
    states: Mapping[str, bytes]
    waiting: Mapping[int, HeldPacket] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """Where a stream goes on: after packets that stand for good.

    Attributes:
        packets, frames: how many; the source passes them over.
        states: `state()` of the ordered stages, by stage name: after them, and after those that wait.
        waiting: packets after them that go straight to the stage that held them, by `seq`.
    """

    packets: int = 0
    frames: int = 0
    states: Mapping[str, bytes] = field(default_factory=dict)
    waiting: Mapping[int, HeldPacket] = field(default_factory=dict)


FROM_THE_START = Restart()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one call of a lane gave; at most one packet, whose payloads are returned beside it.

    Attributes:
        emitted: the packet that leaves the lane, if any.
        pending: packets that still wait in the lane to leave it.
        ended: the lane has seen the end of the stream; with `pending == 0` it is done with it.
        receipts: what sinks had to say.
        commits: see `Commit`.
        timings: cost of each stage in this call.
        spans: what the stages did when.
        counts: length of the payloads made in this call, by type name (`FrameChunk`: frames, `People`: people).
        packets: packets that the lane took (a source: started) in this call.
        started: frames in the packets that the source started.
        finished: frames that left the last stage of the graph in this call.
        length: frames that the stream will have, when its source knows.
        summary: facts for the stream's entry of the report, given with the last step.
        poisoned: why stages of a lane where order matters let packets through unprocessed.
        dry: the source had no packet after those that a restart passed over.
        failure: why the stream cannot go on.
    """

    emitted: Packet | None = None
    pending: int = 0
    ended: bool = False
    receipts: tuple[Any, ...] = ()
    commits: tuple[Commit, ...] = ()
    timings: Mapping[str, Timing] = field(default_factory=dict)
    spans: tuple[Span, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    packets: int = 0
    started: int = 0
    finished: int = 0
    length: int | None = None
    summary: Mapping[str, Any] = field(default_factory=dict)
    poisoned: tuple[Failure, ...] = ()
    dry: bool = False
    failure: Failure | None = None
