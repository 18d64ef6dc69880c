"""What passes between lanes and runner: packets, failures, commits, restart points, and the steps of lanes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from pipeline.redaction import redacted
from pipeline.stage import PlainError


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """The envelope of payloads that belong together; the payloads are passed beside it.

    Attributes:
        stream: number of the input it belongs to.
        epoch: how often the stream was rewound before; packets of an older epoch are stale.
        seq: position in the stream, from 0 without gaps; the same in every lane.
        first: index of its first frame in the stream.
        frames: number of frames in it.
        bytes: memory of its source's payloads, nearly all of it frames.
    """

    stream: int
    epoch: int
    seq: int
    first: int
    frames: int
    bytes: int = 0


def bytes_of(payloads: Iterable[Any]) -> int:
    """Bytes of memory that the arrays of payloads take."""
    known = (payload for payload in payloads if is_dataclass(payload))
    values = (getattr(payload, field.name) for payload in known for field in fields(payload))
    return sum(getattr(value, "nbytes", 0) for value in values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error as plain data that can pass between processes: the sentence, and the traceback for `--debug`.

    Secrets of addresses are redacted.
    """

    what: str
    where: str
    remedy: str
    trace: str = ""

    def __post_init__(self) -> None:
        """Redact secrets."""
        for part in ("what", "where", "remedy", "trace"):
            object.__setattr__(self, part, redacted(getattr(self, part)))

    def error(self) -> PlainError:
        """The failure as an exception."""
        return PlainError(self.what, self.where, self.remedy)


def failure_of(error: PlainError) -> Failure:
    """An exception as plain data."""
    return Failure(what=error.what, where=error.where, remedy=error.remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Cost of a stage: wall seconds, CPU seconds of its process, and items: the frames that it processed."""

    busy_s: float = 0.0
    cpu_s: float = 0.0
    items: int = 0

    def __add__(self, other: Timing) -> Timing:
        return Timing(busy_s=self.busy_s + other.busy_s, cpu_s=self.cpu_s + other.cpu_s, items=self.items + other.items)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One span of a stage's work.

    Attributes:
        stage: its name.
        start_s: when it began, seconds since 1970.
        seconds: how long it took.
        process: number of its process.
        first, frames: the frames of its packet; None at the beginning and end of a stream, and in the background.
        background: whether it is background work between the stage's calls (`BackgroundWork`).
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
    """The values of a receipt with `gauges` (measurements of a running stream, by name); else none."""
    gauges: Mapping[str, float] = getattr(receipt, "gauges", {})
    return gauges


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPacket:
    """A packet that a look-ahead stage held back at a commit.

    After a restart it is decoded again, skips the stages that saw it already, and goes to the stage that held it.

    Attributes:
        stage: the name of the stage that held it.
        payloads: what earlier stages of the lane made for it and later ones take, packed
            (`pipeline.lane.held_packets`).
    """

    stage: str
    payloads: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A part of a stream's result that is final, with what a restart right after it needs.

    Attributes:
        stream, epoch: of the part.
        packets: number of packets that have left every stage of the lane; a restart decodes those that follow again.
        frames: frames in them.
        seen: frames in all packets that the lane has taken, those that it holds included.
        receipt: the sink's receipt of the part.
        states: `state()` of the lane's ordered stages, by stage name.
        waiting: the following packets that stages have seen and hold, by `seq`.
    """

    stream: int
    epoch: int
    packets: int
    frames: int
    seen: int
    receipt: Any
    states: Mapping[str, bytes]
    waiting: Mapping[int, HeldPacket] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """The point at which a stream restarts: after its committed packets.

    Attributes:
        packets, frames: the number of committed ones; the source skips them.
        states: `state()` of the ordered stages after the committed and the held packets, by stage name.
        waiting: held packets, which go straight to the stage that held them, by `seq`.
    """

    packets: int = 0
    frames: int = 0
    states: Mapping[str, bytes] = field(default_factory=dict)
    waiting: Mapping[int, HeldPacket] = field(default_factory=dict)


FROM_THE_START = Restart()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The result of one call of a lane: at most one packet, whose payloads are returned beside it.

    Attributes:
        emitted: the packet that leaves the lane, if any.
        pending: packets that still wait in the lane to leave it.
        ended: the lane has reached the end of the stream; with `pending == 0` it has finished the stream.
        receipts: of the sinks.
        commits: see `Commit`.
        timings: cost of each stage in this call.
        spans: when each stage worked.
        counts: length of the payloads made in this call, by type name (`FrameChunk`: frames, `People`: people).
        packets: packets that the lane took (a source: started) in this call.
        started: frames in the packets that the source started.
        finished: frames that left the last stage of the graph in this call.
        length: frames that the stream will have, when its source knows.
        summary: facts for the stream's entry of the report, given with the last step.
        poisoned: why stages of an ordered lane passed packets unprocessed.
        addresses: where stages of the lane can be reached, as sentences for the user.
        dry: the source had no packet after the committed ones.
        failure: why the stream cannot continue.
        events: what stages noticed, for the log (`Stage.new_events`).
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
    addresses: tuple[str, ...] = ()
    dry: bool = False
    failure: Failure | None = None
    events: tuple[Mapping[str, Any], ...] = ()
