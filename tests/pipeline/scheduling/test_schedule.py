"""Scheduling without Ray: a simulated set of lanes that finish in any order, under every rule that must hold."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field

import pytest

from pipeline.scheduling import failures_and_restarts, schedule
from pipeline.scheduling.schedule import Call, LaneRule, Result, State

pytestmark = pytest.mark.quick


@dataclass
class ToyLane:
    """What a lane would do: ordered ones hold `delay` packets back and let the rest out one per call."""

    delay: int = 0
    held: dict[int, deque[int]] = field(default_factory=dict)
    taken: dict[int, list[int]] = field(default_factory=dict)

    def take(self, stream: int, seq: int) -> None:
        self.taken.setdefault(stream, []).append(seq)
        self.held.setdefault(stream, deque()).append(seq)

    def give(self, stream: int, *, last: bool, ended: bool) -> Result:
        waiting = self.held.setdefault(stream, deque())
        ready = len(waiting) if ended else max(0, len(waiting) - self.delay)
        emitted = waiting.popleft() if ready else None
        return Result(emitted=None if last else emitted, pending=0 if last else max(0, ready - 1), ended=ended)


@dataclass
class World:
    """Runs a schedule over toy lanes.

    `deaths`, `errors` and `losses` name (lane, stream, seq) that fail that often; every `segment` packets at the end
    stand for good where no lane holds packets back.
    """

    rules: tuple[LaneRule, ...]
    lengths: tuple[int, ...]
    credits: int
    delays: dict[int, int]
    seed: int
    lenient: bool = False
    deaths: dict[tuple[int, int, int], int] = field(default_factory=dict)
    errors: dict[tuple[int, int, int], int] = field(default_factory=dict)
    losses: dict[tuple[int, int, int], int] = field(default_factory=dict)
    segment: int = 4

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.lanes = [ToyLane(delay=self.delays.get(index, 0)) for index in range(len(self.rules))]
        self.pulled: dict[int, int] = {}
        self.verdicts: list[str] = []
        self.lost: list[int] = []
        self.rewound: list[int] = []
        self.ended: set[tuple[int, int]] = set()
        self.calls = 0

    def run(self) -> State:
        streams = tuple(range(len(self.lengths)))
        state = schedule.initial_state(self.rules, streams, credits=self.credits, lenient=self.lenient)
        while not schedule.all_done(state):
            while (call := schedule.next_call(state)) is not None:
                state = schedule.call_made(state, call)
                self.check(state, call)
            assert state.running, "nothing runs, and nothing is to be done: locked up"
            state = self.end(state, self.random.choice(state.running))
            self.calls += 1
            assert self.calls < 10_000, "does not come to an end"
        return state

    def check(self, state: State, call: Call) -> None:
        for stream in state.streams:
            assert schedule.in_flight(state, stream.index) <= self.credits
        replicas = [(other.lane, other.replica) for other in state.running]
        assert len(replicas) == len(set(replicas)), "two calls of one replica at once"

    def end(self, state: State, call: Call) -> State:
        if call.kind == "prepare":
            return schedule.call_done(state, call, Result())
        if schedule.stream_of(state, call) is None:
            return schedule.call_done(state, call, Result())
        if call.kind in ("accept", "pull"):
            for plan in (self.deaths, self.errors, self.losses):
                mark = (call.lane, call.stream, self.pulled.get(call.stream, 0) if call.seq is None else call.seq)
                if plan.get(mark, 0):
                    plan[mark] -= 1
                    return self.fail(state, call, plan)
        return schedule.call_done(state, call, self.outcome(call))

    def fail(self, state: State, call: Call, plan: dict[tuple[int, int, int], int]) -> State:
        died = plan is self.deaths
        inside = (
            failures_and_restarts.streams_inside(state, call.lane) if died and self.rules[call.lane].ordered else []
        )
        if plan is self.losses:
            state, verdict = failures_and_restarts.after_loss(state, call)
        else:
            state, verdict = failures_and_restarts.after_failure(state, call, died=died)
        self.verdicts.append(verdict)
        if verdict == "fail":
            self.lost.append(call.stream)
            state = failures_and_restarts.give_up(state, call.stream)
        back = [stream for stream in inside if stream != call.stream] + [call.stream] * (verdict == "rewind")
        for stream in back:
            state = self.go_back(state, stream)
        return state

    def go_back(self, state: State, stream: int) -> State:
        """Every lane forgets what came after the last packet that stands for good."""
        done = len(self.lanes[-1].taken.get(stream, [])) // self.segment * self.segment
        packets = 0 if self.delays else done
        self.rewound.append(packets)
        for number, lane in enumerate(self.lanes):
            lane.taken[stream] = [seq for seq in lane.taken.get(stream, []) if seq < packets]
            lane.held.pop(stream, None)
            self.ended.discard((number, stream))
        self.pulled[stream] = packets
        return failures_and_restarts.rewind(state, stream, packets)

    def outcome(self, call: Call) -> Result:
        lane, last = self.lanes[call.lane], call.lane == len(self.rules) - 1
        if call.kind == "pull":
            number = self.pulled.get(call.stream, 0)
            if number < self.lengths[call.stream]:
                lane.take(call.stream, number)
                self.pulled[call.stream] = number + 1
            else:
                self.ended.add((call.lane, call.stream))
        elif call.kind == "finish":
            self.ended.add((call.lane, call.stream))
        elif call.seq is not None:
            lane.take(call.stream, call.seq)
        return lane.give(call.stream, last=last, ended=(call.lane, call.stream) in self.ended)


CHAIN = (LaneRule(ordered=True), LaneRule(ordered=False, replicas=3), LaneRule(ordered=True), LaneRule(ordered=True))


@pytest.mark.parametrize("seed", range(40))
def test_any_order_of_completion_loses_and_doubles_nothing(seed: int) -> None:
    rng = random.Random(seed)
    lengths = tuple(rng.choice([0, 1, 1, 2, 7, 30]) for _ in range(rng.randint(1, 8)))
    delays = {lane: rng.choice([0, 0, 1, 5, 100]) for lane in (0, 2)}
    world = World(CHAIN, lengths, credits=rng.choice([1, 2, 3, 8]), delays=delays, seed=seed)
    world.run()
    for index, lane in enumerate(world.lanes):
        for stream, length in enumerate(lengths):
            taken = lane.taken.get(stream, [])
            assert (taken if world.rules[index].ordered else sorted(taken)) == list(range(length))


@pytest.mark.parametrize("seed", range(20))
def test_deaths_without_order_lose_nothing(seed: int) -> None:
    world = World(CHAIN, (20, 20), credits=4, delays={2: 3}, seed=seed, deaths={(1, 0, 4): 1, (1, 1, 9): 1})
    world.run()
    assert world.verdicts == ["retry", "retry"]
    assert world.lanes[3].taken == {0: list(range(20)), 1: list(range(20))}


@pytest.mark.parametrize("lenient", [False, True])
def test_the_second_death_is_poison(lenient: bool) -> None:
    world = World(CHAIN, (20, 20), credits=4, delays={2: 3}, seed=1, lenient=lenient, deaths={(1, 0, 4): 2})
    world.run()
    assert world.verdicts == ["retry", "replace" if lenient else "fail"]
    assert world.lost == ([] if lenient else [0])
    assert world.lanes[3].taken[1] == list(range(20))
    if lenient:
        assert world.lanes[3].taken[0] == list(range(20))


@pytest.mark.parametrize("lenient", [False, True])
def test_an_error_of_a_stage_is_not_tried_again(lenient: bool) -> None:
    world = World(CHAIN, (9,), credits=4, delays={}, seed=1, lenient=lenient, errors={(1, 0, 4): 1})
    world.run()
    assert world.verdicts == ["replace" if lenient else "fail"]


def test_an_error_where_order_matters_ends_the_stream_whatever_is_allowed() -> None:
    world = World(CHAIN, (9, 9), credits=4, delays={}, seed=1, lenient=True, errors={(2, 0, 4): 1})
    world.run()
    assert (world.verdicts, world.lost) == (["fail"], [0])
    assert world.lanes[3].taken[1] == list(range(9))


@pytest.mark.parametrize("seed", range(60))
def test_whatever_dies_wherever_nothing_is_lost_or_doubled(seed: int) -> None:
    rng = random.Random(seed)
    lengths = tuple(rng.choice([1, 7, 30]) for _ in range(rng.randint(1, 4)))
    deaths = [(rng.randrange(4), stream, rng.randrange(lengths[stream])) for stream in range(len(lengths))]
    world = World(
        CHAIN,
        lengths,
        credits=rng.choice([1, 2, 5]),
        delays={2: rng.choice([1, 5])} if seed % 3 == 0 else {},
        seed=seed,
        deaths=dict.fromkeys(deaths, 1),
        losses=dict.fromkeys({(3, 0, rng.randrange(lengths[0]))} - set(deaths), 1),  # not twice at one packet
    )
    world.run()
    assert not world.lost
    assert not world.delays or not any(world.rewound)
    assert world.lanes[3].taken == {stream: list(range(length)) for stream, length in enumerate(lengths)}


def test_the_second_death_of_an_ordered_lane_at_a_packet_ends_its_stream_and_no_other() -> None:
    world = World(CHAIN, (5, 5, 5, 5), credits=2, delays={}, seed=3, deaths={(3, 0, 4): 2})
    world.run()
    assert (world.lost, world.verdicts) == ([0], ["rewind", "fail"])
    assert world.rewound[0] == 4
    for stream in (1, 2, 3):
        assert world.lanes[3].taken[stream] == list(range(5))


def test_payloads_that_are_lost_twice_at_a_packet_end_the_stream() -> None:
    world = World(CHAIN, (9,), credits=2, delays={}, seed=3, losses={(1, 0, 4): 2})
    world.run()
    assert (world.lost, world.verdicts) == ([0], ["rewind", "fail"])


def test_a_stream_that_was_begun_before_starts_after_what_is_done() -> None:
    state = schedule.initial_state(CHAIN, (0, 1), credits=4, lenient=False, passed={0: 6})
    assert [place.expected for place in state.streams[0].progress] == [6] * len(CHAIN)
    assert state.waiting == ((1, 0),)


def test_a_lane_that_is_not_eager_gets_a_replica_on_request_when_packets_wait() -> None:
    rules = (LaneRule(ordered=True), LaneRule(ordered=False, replicas=2, eager=False), LaneRule(ordered=True))
    state = schedule.initial_state(rules, (0,), credits=4, lenient=False)
    assert schedule.next_replica(state, 1) is None  # all lanes are being prepared, and nothing waits
    for call in state.running:
        state = schedule.call_done(state, call, Result())
    for number in range(3):
        while (call := schedule.next_call(state)) is not None:
            state = schedule.call_made(state, call)
        pull = next(call for call in state.running if call.kind == "pull")
        state = schedule.call_done(state, pull, Result(emitted=number)) if number < 2 else state
    assert not any(call.kind == "prepare" for call in state.running)
    assert schedule.next_call(state) is None  # packet 1 waits for packet 0
    call = schedule.next_replica(state, 1)
    assert call == Call(kind="prepare", lane=1, replica=1)
    state = schedule.call_made(state, call)
    assert schedule.next_replica(state, 1) is None  # it is being prepared, and there is no third


def test_short_inputs_keep_the_lanes_busy() -> None:
    rules = (LaneRule(ordered=True), LaneRule(ordered=False), LaneRule(ordered=True))
    world = World(rules, (1,) * 10, credits=4, delays={}, seed=0)
    state = schedule.initial_state(rules, tuple(range(10)), credits=4, lenient=False)
    for call in state.running:
        state = schedule.call_done(state, call, Result())
    busiest = 0
    while not schedule.all_done(state):
        while (call := schedule.next_call(state)) is not None:
            state = schedule.call_made(state, call)
        busiest = max(busiest, len({call.stream for call in state.running}))
        state = world.end(state, min(state.running, key=lambda call: call.kind != "pull"))  # sources are quick
    assert busiest == 3  # one input in each lane


def test_further_replicas_start_when_packets_wait_and_nothing_else_starts() -> None:
    state = schedule.initial_state(CHAIN, (0,), credits=4, lenient=False)
    assert state.dormant == ((1, 1), (1, 2))
    assert schedule.next_call(state) is None  # all lanes are being prepared
    for call in state.running:
        state = schedule.call_done(state, call, Result())
    woken = []
    for number in range(4):
        while (call := schedule.next_call(state)) is not None:
            woken += [(call.lane, call.replica)] if call.kind == "prepare" else []
            state = schedule.call_made(state, call)
        pull = next(call for call in state.running if call.kind == "pull")
        state = schedule.call_done(state, pull, Result(emitted=number))
    assert woken == [(1, 1)]  # the next one starts when this one has started
    world = World(CHAIN, (1,), credits=4, delays={}, seed=0)
    assert world.run().dormant == ((1, 1), (1, 2))  # a single packet needs no second replica


def test_a_second_long_input_waits_until_the_first_is_read() -> None:
    state = schedule.initial_state(CHAIN, (0, 1), credits=4, lenient=False)
    assert [stream.index for stream in state.streams] == [0]
    for call in state.running:
        state = schedule.call_done(state, call, Result())
    pull = schedule.next_call(state)
    assert pull == Call(kind="pull", lane=0, replica=0, stream=0)
    state = schedule.call_done(schedule.call_made(state, pull), pull, Result(ended=True))
    assert [stream.index for stream in state.streams] == [0, 1]


def test_what_comes_from_an_older_epoch_only_frees_its_replica() -> None:
    state = schedule.initial_state(CHAIN, (0,), credits=4, lenient=False)
    for call in state.running:
        state = schedule.call_done(state, call, Result())
    stale = Call(kind="pull", lane=0, replica=0, stream=0, epoch=7)
    before = state
    state = schedule.call_done(schedule.call_made(state, stale), stale, Result(emitted=0))
    assert state == before
