"""How near the schedule alone comes to the bound: `python -m tests.benchmarks.speed.schedule_bound`.

`pipeline.scheduling.schedule` drives simulated lanes on cores that the running calls share evenly, undisturbed by other
programs: it shows what the order of calls, credits and replicas allow, without Ray. The costs are CPU milliseconds a
frame of the default graph (docs/benchmarks/end_to_end.md). Networks side by side cost CACHE_CONTENTION more. A lane is
one thread, but for the encoder's beside it. Printed: frames a second from the first finished packet on, over
1 / max(slowest stage, CPU sum / cores), with one network, with a second one as soon as packets wait, and as
`pipeline.scheduling.autoscaling` decides.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Literal

from pipeline.scheduling import schedule
from pipeline.scheduling.autoscaling import CACHE_CONTENTION, FrameTimes, replica_pays_off
from pipeline.scheduling.schedule import Call, LaneRule, Result, State

LANES = (("decode",), ("detect", "densepose"), ("track", "bridge", "smooth", "render", "encode"))
STAGE_MS = {
    "320x240": (0.2, 1.9, 2.9, 0.3, 0.0, 2.7, 0.4, 0.8),
    "1280x720": (2.3, 3.3, 6.2, 0.4, 0.2, 9.7, 2.0, 7.8),
    "800x1100": (2.0, 3.8, 4.1, 0.4, 0.1, 6.4, 1.1, 6.0),
}
"""In the order of LANES."""
CHUNK = {"320x240": 30, "1280x720": 15, "800x1100": 15}
SEGMENT = 120
ASIDE = "the encoder"
CORES, START_S, CALL_S, JITTER = 2, 2.5, 0.004, 0.15
"""Cores, CPU seconds of a network's start, cost of a call beside its work, spread of the work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """A workload: CPU milliseconds a frame of each lane, of the slowest stage and of the last, frames a packet,
    packets."""

    lane_ms: tuple[float, ...]
    slowest_ms: float
    encode_ms: float
    chunk: int
    packets: int

    @property
    def bound(self) -> float:
        """Frames a second that the stages' costs allow."""
        return 1000 / max(self.slowest_ms, sum(self.lane_ms) / CORES)

    @property
    def pace(self) -> FrameTimes:
        """The measurements that the runner would make."""
        decode_s, network_s, out_s = (cost / 1000 for cost in self.lane_ms)
        return FrameTimes(
            lane_s=network_s, others_s=max(decode_s, out_s), cpu_s=decode_s + network_s + out_s, cores=CORES
        )


def video(size: str, frames: int) -> Film:
    """A workload of some frames of a size."""
    costs = dict(zip((stage for lane in LANES for stage in lane), STAGE_MS[size], strict=True))
    lane_ms = tuple(sum(costs[stage] for stage in lane) for lane in LANES)
    chunk = CHUNK[size]
    encode_ms, slowest_ms = costs["encode"], max(costs.values())
    return Film(lane_ms=lane_ms, slowest_ms=slowest_ms, encode_ms=encode_ms, chunk=chunk, packets=frames // chunk)


@dataclass
class Machine:
    """Cores that running calls share evenly."""

    random: random.Random
    left: dict[Call | str, float] = field(default_factory=dict)
    now: float = 0.0

    def begin(self, call: Call | str, cpu_s: float) -> None:
        """Adds work for a call."""
        self.left[call] = CALL_S + cpu_s * self.random.uniform(1 - JITTER, 1 + JITTER)

    def next_end(self) -> Call | str:
        """The work that ends next; advances the time to its end."""
        call = min(self.left, key=lambda one: self.left[one])
        rate = min(1.0, CORES / len(self.left))
        spent = self.left.pop(call)
        self.left = {other: rest - spent for other, rest in self.left.items()}
        self.now += spent / rate
        return call


@dataclass
class Encoder:
    """Encodes a packet after the out lane's call; waits for the packet before, and at a segment's end."""

    machine: Machine
    video: Film
    waits: Call | None = None
    packets: int = 0
    given: bool = False

    def after(self, ended: Call | str) -> Call | None:
        """The out lane's finished call, after its own work or the encoder's."""
        if isinstance(ended, Call):
            self.waits, self.given = ended, False
        if self.waits is None or ASIDE in self.machine.left:
            return None
        if not self.given:
            self.machine.begin(ASIDE, self.video.chunk * self.video.encode_ms / 1000)
            self.packets, self.given = self.packets + 1, True
            if self.packets * self.video.chunk % SEGMENT == 0:
                return None
        call, self.waits = self.waits, None
        return call


def frame_rate(one: Film, second: Literal["never", "at once", "decided"], credits: int) -> float:
    """Run a video through the default graph; returns frames a second after the first packet."""
    network = LaneRule(ordered=False, replicas=1 if second == "never" else 2, eager=second == "at once")
    state: State = schedule.initial_state(
        (LaneRule(ordered=True), network, LaneRule(ordered=True)), (0,), credits=credits, lenient=False
    )
    machine, first, pulled, taken = Machine(random.Random(0)), 0.0, 0, 0
    encoder = Encoder(machine, one)
    for call in state.running:
        machine.begin(call, 0.0)
    while not schedule.all_done(state):
        while (call := schedule.next_call(state) or _reinforcement(state, one, taken)) is not None:
            taken += call.kind == "accept" and call.lane == 1
            state = schedule.call_made(state, call)
            machine.begin(call, _work(state, one, call, pulled))
        ended = machine.next_end()
        call = encoder.after(ended) if _is_out(ended) else ended
        if not isinstance(call, Call):
            continue
        result = Result(ended=call.kind == "finish")
        if call.kind == "pull":
            result = Result(emitted=pulled) if pulled < one.packets else Result(ended=True)
            pulled += 1
        elif call.kind == "accept" and call.lane == 1:
            result = Result(emitted=call.seq)
        elif call.kind == "accept":
            first = first or machine.now
        state = schedule.call_done(state, call, result)
    return (one.packets - 1) * one.chunk / (machine.now - first)


def _is_out(ended: Call | str) -> bool:
    return not isinstance(ended, Call) or (ended.kind == "accept" and ended.lane == len(LANES) - 1)


def _work(state: State, one: Film, call: Call, pulled: int) -> float:
    """CPU seconds of a call."""
    if call.kind == "prepare":
        return START_S
    if call.kind == "finish" or (call.kind == "pull" and pulled + 1 > one.packets):
        return 0.0
    crowded = call.lane == 1 and sum(other.lane == 1 and other.kind == "accept" for other in state.running) > 1
    own_ms = one.lane_ms[call.lane] - (one.encode_ms if call.lane == len(LANES) - 1 else 0.0)
    return one.chunk * own_ms / 1000 * (1 + CACHE_CONTENTION * crowded)


def _reinforcement(state: State, one: Film, taken: int) -> Call | None:
    """What the runner does when the schedule has no call to make."""
    call = None if state.rules[1].eager else schedule.next_replica(state, 1)
    left = (one.packets - taken) * one.chunk
    return call if call and replica_pays_off(one.pace, replicas=1, left=left, start_s=START_S) else None


def main() -> None:
    """Print a table: size, length, how the second network starts, credits."""
    for size in STAGE_MS:
        print(f"{size}: bound {video(size, 1).bound:.0f} fps")
        for frames in (600, 2_000, 6_000, 20_000):
            for second in ("never", "at once", "decided"):
                one = video(size, frames)
                shares = [frame_rate(one, second, credits) / one.bound for credits in (2, 4, 8)]
                text = "  ".join(f"{share:.2f}" for share in shares)
                print(f"  {frames:6d} frames, second network {second:8s} share with 2, 4, 8 credits: {text}")


if __name__ == "__main__":
    main()
