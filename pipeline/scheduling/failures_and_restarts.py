"""What follows when a stage fails, a lane's actor is killed, or payloads are lost: pure functions on the schedule.

The coordinator (`pipeline.actors.coordinator`) restarts the actor; these functions decide what happens to its packets
and streams: retry, replace by a blank item, rewind to the last commit, or fail.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pipeline.scheduling.schedule import (
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
    """What follows for the packet of a call that failed, because its process died or its stage raised an error.

    A process may have died for any reason, so its work is tried once more. An unordered lane gets the packet again
    (`retry`). An ordered lane has lost its state, so its stream goes back to the last commit (`rewind`: the caller then
    calls `rewind`). After a second death at the same packet, or an error of the stage, the packet of an unordered lane
    passes unprocessed if that is allowed (`replace`). Otherwise the stream ends (`fail`: the caller then calls
    `give_up`).
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
    """What follows for a stream whose payloads were lost with the machine that held them: `rewind`, once per packet."""
    state = without_call(state, call)
    stream = stream_of(state, call)
    if stream is None:
        return state, "fail"
    mark = (call.lane, _packet_of(call, stream))
    state = with_stream(state, replace(stream, retried=stream.retried | {mark}))
    return state, "fail" if mark in stream.retried else "rewind"


def rewind(state: State, index: int, packets: int) -> State:
    """Restart a stream after its first `packets` packets, which are final, under a new epoch.

    Calls of the old epoch that still run only free their replicas when they end. Which packets were retried or pass
    unprocessed stays known.
    """
    stream = next(stream for stream in state.streams if stream.index == index)
    progress = (LaneProgress(expected=packets),) * len(stream.progress)
    return with_stream(state, replace(stream, epoch=stream.epoch + 1, progress=progress))


def give_up(state: State, index: int) -> State:
    """End a stream that cannot continue; its calls that still run only free their replicas when they end."""
    return admit(replace(state, streams=tuple(stream for stream in state.streams if stream.index != index)))


def streams_inside(state: State, lane: int) -> list[int]:
    """Streams that an ordered lane has begun and not ended: their state is lost with its process."""
    return [
        stream.index
        for stream in state.streams
        if (is_begun(state, stream, lane) or stream.progress[lane].expected > 0) and not is_done(state, stream, lane)
    ]


def _packet_of(call: Call, stream: Stream) -> int:
    """The packet of a call; for a source the packet it would have made, for `finish` the one after the last."""
    return stream.progress[call.lane].expected if call.seq is None else call.seq


def _requeued(state: State, call: Call) -> State:
    """The state with the packet of a call back in the queue of its lane."""
    stream = stream_of(state, call)
    assert stream is not None and call.seq is not None
    place = stream.progress[call.lane]
    return with_progress(state, stream, call.lane, replace(place, queue=tuple(sorted((*place.queue, call.seq)))))
