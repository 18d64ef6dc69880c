"""Packets in flight are bounded by bytes: large ones have fewer credits, and every run still comes to its end."""

from __future__ import annotations

import random

import numpy as np
import pytest

from pipeline.packet import bytes_of
from pipeline.scheduling.schedule import (
    Call,
    LaneRule,
    Result,
    all_done,
    call_done,
    call_made,
    credits_of,
    in_flight,
    initial_state,
    next_call,
)
from stages.payloads import FrameChunk, VideoInfo

PACKETS = 12


def most_in_flight(size: int, seed: int) -> int:
    """The most packets in flight, after the first told its size, in a run whose calls end in any order."""
    rules = (LaneRule(ordered=True), LaneRule(ordered=False, replicas=2), LaneRule(ordered=True))
    state = initial_state(rules, (0,), credits=4, lenient=False)
    rng, most = random.Random(seed), 0
    while not all_done(state):
        while (call := next_call(state)) is not None:
            state = call_made(state, call)
            if state.streams and state.streams[0].bytes:
                most = max(most, in_flight(state, 0))
        done = rng.choice(state.running)
        state = call_done(state, done, outcome(done, state.streams[0].progress[0].expected, size))
    return most


def outcome(call: Call, pulls: int, size: int) -> Result:
    if call.kind == "pull":
        return Result(ended=True) if pulls > PACKETS else Result(emitted=pulls - 1, bytes=size)
    if call.kind == "accept":
        return Result(emitted=call.seq if call.lane < 2 else None, bytes=size)
    return Result(ended=call.kind == "finish")


@pytest.mark.parametrize(("megabytes", "packets"), [(1, 4), (48, 4), (100, 4), (200, 2), (400, 1), (3000, 1)])
def test_large_packets_have_fewer_credits(megabytes: int, packets: int) -> None:
    assert max(most_in_flight(megabytes * 10**6, seed) for seed in range(30)) == packets


def test_an_unknown_size_costs_nothing() -> None:
    state = initial_state((LaneRule(ordered=True),), (0,), credits=3, lenient=False)
    assert credits_of(state, state.streams[0]) == 3


def test_what_payloads_take() -> None:
    rgb_THW3 = np.zeros((2, 30, 40, 3), np.uint8)
    video = VideoInfo(path="", width=40, height=30, still=False, rate=None, time_base=None)  # type: ignore[arg-type]
    chunk = FrameChunk(rgb_THW3=rgb_THW3, pts_T=np.zeros(2, np.int64), first=0, video=video)
    assert 7200 <= bytes_of([chunk, object()]) <= 7300
