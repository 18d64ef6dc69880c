"""What becomes of packets and streams when something fails, dies or is lost: pure functions on the schedule's state."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pipeline.schedule import (
    Call,
    LaneProgress,
    State,
    Stream,
    admit,
    is_begun,
    is_done,
    stream_of,
    with_progress,
    with_stream,
    without_call,
)

Verdict = Literal["retry", "replace", "rewind", "fail"]


def after_failure(state: State, call: Call, *, died: bool) -> tuple[State, Verdict]:
    """What becomes of the packet of a call that failed.

    A process that died may have died of anything, so what it did is done once more: the packet of a lane without order
    is tried again (`retry`); a lane where order matters has lost its state, so its stream must go back (`rewind`: the
    caller then uses `rewind`). The second death at the same packet, or an error of the stage, makes a packet of a lane
    without order poison: it goes through unprocessed where that is allowed. Anything else ends the stream (`fail`): the
    caller then uses `give_up`.
    """
    state = without_call(state, call)
    stream = stream_of(state, call)
    if stream is None:
        return state, "fail"
    mark = (call.lane, _packet_of(call, stream))
    ordered = state.rules[call.lane].ordered
    if died and mark not in stream.retried and call.kind != "replace":
        state = with_stream(state, replace(stream, retried=stream.retried | {mark}))
        return (state, "rewind") if ordered or call.seq is None else (_requeued(state, call), "retry")
    if ordered or call.seq is None or call.kind == "replace" or not state.lenient:
        return state, "fail"
    state = with_stream(state, replace(stream, poisoned=stream.poisoned | {mark}))
    return _requeued(state, call), "replace"


def after_loss(state: State, call: Call) -> tuple[State, Verdict]:
    """What becomes of a stream whose payloads are gone with the machine that held them: it goes back, once a packet."""
    state = without_call(state, call)
    stream = stream_of(state, call)
    if stream is None:
        return state, "fail"
    mark = (call.lane, _packet_of(call, stream))
    state = with_stream(state, replace(stream, retried=stream.retried | {mark}))
    return state, "fail" if mark in stream.retried else "rewind"


def rewind(state: State, index: int, packets: int) -> State:
    """A stream goes on after its first `packets` packets, which stand for good, under a new epoch.

    Calls of the old epoch that still run only free their replicas when they end. What was found out about packets
    (tried before, poison) stays known.
    """
    stream = next(stream for stream in state.streams if stream.index == index)
    progress = (LaneProgress(expected=packets),) * len(stream.progress)
    return with_stream(state, replace(stream, epoch=stream.epoch + 1, progress=progress))


def give_up(state: State, index: int) -> State:
    """A stream cannot go on; calls of it that still run only free their replicas when they end."""
    return admit(replace(state, streams=tuple(stream for stream in state.streams if stream.index != index)))


def streams_inside(state: State, lane: int) -> list[int]:
    """Streams that a lane where order matters has begun and not ended: those whose state dies with it."""
    return [
        stream.index
        for stream in state.streams
        if (is_begun(state, stream, lane) or stream.progress[lane].expected > 0) and not is_done(state, stream, lane)
    ]


def _packet_of(call: Call, stream: Stream) -> int:
    """The packet that a call is about; of a source the one it would have made, of an end the one after the last."""
    return stream.progress[call.lane].expected if call.seq is None else call.seq


def _requeued(state: State, call: Call) -> State:
    """The packet of a call waits before its lane again."""
    stream = stream_of(state, call)
    assert stream is not None and call.seq is not None
    place = stream.progress[call.lane]
    return with_progress(state, stream, call.lane, replace(place, queue=tuple(sorted((*place.queue, call.seq)))))
