"""The schedule: which call comes next, as pure functions on frozen state. Knows neither Ray nor payloads.

A stream's packets move through a chain of lanes. Between lanes they wait in queues; a call takes at most one packet in
and lets at most one out. `credits` limits the packets of a stream that wait or are in a call (fewer where packets are
very large); packets that stages hold are part of the lane's state and need no credit. Every call except `pull`, `drain`
and `finish` returns the credit that it uses, so that the chain cannot deadlock with one credit or more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["prepare", "pull", "accept", "replace", "drain", "finish"]

NO_STREAM = -1
IN_FLIGHT_BYTES = 512 * 2**20
"""The most bytes of a stream's packets in flight: four packets of 8K frames, or two of 67 megapixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneRule:
    """How calls of a lane may be scheduled.

    Attributes:
        ordered: a stream's packets must come in sequence.
        replicas: the most processes of the lane.
        eager: a further replica starts whenever packets wait for the lane; else only when the runner starts the
            `next_replica`.
    """

    ordered: bool
    replicas: int = 1
    eager: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of one replica; `seq` is the packet that goes in, if any."""

    kind: Kind
    lane: int
    replica: int
    stream: int = NO_STREAM
    epoch: int = 0
    seq: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of a call, as scheduling needs it: see `pipeline.packet.Step`; `bytes`: of the packet that left."""

    emitted: int | None = None
    pending: int = 0
    ended: bool = False
    bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneProgress:
    """The progress of a stream in a lane.

    Attributes:
        queue: packets that wait before the lane, ascending.
        expected: the next packet of an ordered lane; for a source, the number of pulls so far.
        pending: packets that wait in the lane to leave it.
        ended: the lane has flushed the stream.
    """

    queue: tuple[int, ...] = ()
    expected: int = 0
    pending: int = 0
    ended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """An active stream.

    Attributes:
        index: number of the input.
        epoch: how often it was rewound.
        progress: in each lane.
        retried: (lane, packet) pairs that failed once and are retried.
        poisoned: (lane, packet) pairs that pass unprocessed.
        bytes: of its largest packet so far.
    """

    index: int
    epoch: int
    progress: tuple[LaneProgress, ...]
    retried: frozenset[tuple[int, int]] = frozenset()
    poisoned: frozenset[tuple[int, int]] = frozenset()
    bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The state of the schedule: everything that decisions depend on.

    Attributes:
        rules: the lanes.
        credits: packets in flight per stream.
        lenient: whether a packet that cannot be processed passes unprocessed.
        streams: active streams, in the order of the inputs.
        waiting: streams that have not begun, each with the number of its committed packets.
        running: calls that have been made and have not ended.
        dormant: (lane, replica) pairs that have not been started.
    """

    rules: tuple[LaneRule, ...]
    credits: int
    lenient: bool
    streams: tuple[Stream, ...] = ()
    waiting: tuple[tuple[int, int], ...] = ()
    running: tuple[Call, ...] = ()
    dormant: tuple[tuple[int, int], ...] = ()


def initial_state(
    rules: tuple[LaneRule, ...],
    streams: tuple[int, ...],
    *,
    credits: int,
    lenient: bool,
    passed: Mapping[int, int] | None = None,
) -> State:
    """The state before the first call: one replica of each lane is being prepared, the others are dormant.

    `passed`: the number of committed packets of each resumed stream.
    """
    state = State(
        rules=rules,
        credits=credits,
        lenient=lenient,
        waiting=tuple((index, (passed or {}).get(index, 0)) for index in streams),
        running=tuple(Call(kind="prepare", lane=lane, replica=0) for lane in range(len(rules))),
        dormant=tuple((lane, replica) for lane, rule in enumerate(rules) for replica in range(1, rule.replicas)),
    )
    return admit(state)


def all_done(state: State) -> bool:
    """Whether every stream is done or was given up."""
    return not state.streams and not state.waiting


def in_flight(state: State, index: int) -> int:
    """Packets of a stream that wait between lanes or are in a call; each running call counts as one."""
    queued = sum(len(place.queue) for stream in state.streams if stream.index == index for place in stream.progress)
    return queued + sum(call.stream == index for call in state.running)


def credits_of(state: State, stream: Stream) -> int:
    """The most packets that a stream may have in flight: its credits, fewer where packets are large, at least one."""
    return max(1, min(state.credits, IN_FLIGHT_BYTES // max(stream.bytes, 1)))


def next_call(state: State) -> Call | None:
    """The call to make now, or None until another one ends. Later lanes have priority, then earlier inputs.

    Lanes that are not eager get further replicas only through `next_replica`.
    """
    busy = {(call.lane, call.replica) for call in state.running} | set(state.dormant)
    for lane in reversed(range(len(state.rules))):
        free = [replica for replica in range(state.rules[lane].replicas) if (lane, replica) not in busy]
        for stream in state.streams if free else ():
            call = _call_for(state, stream, lane, free[0])
            if call:
                return call
    eager = (lane for lane, rule in enumerate(state.rules) if rule.eager)
    return next((call for lane in eager if (call := next_replica(state, lane))), None)


def next_replica(state: State, lane: int) -> Call | None:
    """The call that starts a dormant replica of a lane before which packets wait.

    None while another replica is being prepared, so that no start delays another.
    """
    waiting = any(stream.progress[lane].queue for stream in state.streams)
    if not waiting or any(call.kind == "prepare" for call in state.running):
        return None
    replicas = (replica for place, replica in state.dormant if place == lane)
    return next((Call(kind="prepare", lane=lane, replica=replica) for replica in replicas), None)


def call_made(state: State, call: Call) -> State:
    """The state after a call has been made."""
    dormant = tuple(place for place in state.dormant if place != (call.lane, call.replica))
    state = replace(state, running=(*state.running, call), dormant=dormant)
    stream = stream_of(state, call)
    if stream is None:
        return state
    place = stream.progress[call.lane]
    if call.kind == "pull":
        return with_progress(state, stream, call.lane, replace(place, expected=place.expected + 1))
    if call.seq is None:
        return state
    queue = tuple(seq for seq in place.queue if seq != call.seq)
    return with_progress(
        state, stream, call.lane, replace(place, queue=queue, expected=max(place.expected, call.seq + 1))
    )


def call_done(state: State, call: Call, result: Result) -> State:
    """The state after a call has succeeded. A call of a stream that was given up only frees its replica."""
    state = without_call(state, call)
    stream = stream_of(state, call)
    if stream is None:
        return admit(state)
    place = replace(stream.progress[call.lane], pending=result.pending, ended=result.ended)
    state = with_progress(state, replace(stream, bytes=max(stream.bytes, result.bytes)), call.lane, place)
    onward = call.lane + 1
    if result.emitted is not None and onward < len(state.rules):
        stream = stream_of(state, call)
        assert stream is not None
        target = stream.progress[onward]
        state = with_progress(
            state, stream, onward, replace(target, queue=tuple(sorted((*target.queue, result.emitted))))
        )
    return admit(_retire(state))


def _call_for(state: State, stream: Stream, lane: int, replica: int) -> Call | None:
    place = stream.progress[lane]
    credit = in_flight(state, stream.index) < credits_of(state, stream)
    call = Call(kind="pull", lane=lane, replica=replica, stream=stream.index, epoch=stream.epoch)
    ordered = state.rules[lane].ordered
    if ordered and place.pending and credit:
        return replace(call, kind="drain")
    if place.queue and (not ordered or place.queue[0] == place.expected):
        poisoned = (lane, place.queue[0]) in stream.poisoned
        return replace(call, kind="replace" if poisoned else "accept", seq=place.queue[0])
    if not ordered or place.ended or place.queue or not credit:
        return None
    if lane == 0:
        return call
    return replace(call, kind="finish") if is_done(state, stream, lane - 1) else None


def is_done(state: State, stream: Stream, lane: int) -> bool:
    """Whether no further packet of the stream will leave the lane."""
    place = stream.progress[lane]
    if is_begun(state, stream, lane):
        return False
    if state.rules[lane].ordered:
        return place.ended and not place.pending
    return not place.queue and is_done(state, stream, lane - 1)


def is_begun(state: State, stream: Stream, lane: int) -> bool:
    """Whether a call of the stream is running in the lane, under any epoch."""
    return any(call.lane == lane and call.stream == stream.index for call in state.running)


def _retire(state: State) -> State:
    """Remove the streams that have left the last lane."""
    last = len(state.rules) - 1
    return replace(state, streams=tuple(stream for stream in state.streams if not is_done(state, stream, last)))


def admit(state: State) -> State:
    """Begin another stream when the sources of all active ones have ended, so that short inputs keep the lanes busy."""
    while state.waiting and len(state.streams) < state.credits:
        if not all(stream.progress[0].ended for stream in state.streams):
            break
        index, packets = state.waiting[0]
        fresh = Stream(index=index, epoch=0, progress=(LaneProgress(expected=packets),) * len(state.rules))
        state = replace(state, streams=(*state.streams, fresh), waiting=state.waiting[1:])
    return state


def stream_of(state: State, call: Call) -> Stream | None:
    """The stream of a call, unless it was given up or rewound since."""
    for stream in state.streams:
        if stream.index == call.stream and stream.epoch == call.epoch:
            return stream
    return None


def without_call(state: State, call: Call) -> State:
    """The state after a call has ended."""
    return replace(state, running=tuple(other for other in state.running if other != call))


def with_progress(state: State, stream: Stream, lane: int, place: LaneProgress) -> State:
    """The state with a stream's progress in a lane replaced."""
    return with_stream(state, replace(stream, progress=(*stream.progress[:lane], place, *stream.progress[lane + 1 :])))


def with_stream(state: State, fresh: Stream) -> State:
    """The state with one of its streams replaced."""
    return replace(state, streams=tuple(fresh if other.index == fresh.index else other for other in state.streams))
