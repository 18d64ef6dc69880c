"""How near the schedule itself comes to the bound: `python -m tests.benchmarks.schedule_bound`.

`pipeline.schedule` drives lanes that only pretend to work, on cores shared evenly among the calls under way. No other
program disturbs it: it says what the order of calls, credits and replicas allow, and nothing of Ray. The costs are CPU
milliseconds a frame of the default graph (docs/benchmarks/end_to_end.md). Printed: frames a second from the first
finished packet on, over 1 / max(slowest stage, CPU sum / cores).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from pipeline import schedule
from pipeline.schedule import Call, LaneRule, Result, State

STAGE_MS = {"decode": 0.4, "detect": 8.9, "densepose": 12.8, "track": 0.3, "smooth": 4.8, "render": 0.6, "encode": 1.2}
LANES = (("decode",), ("detect", "densepose"), ("track", "smooth", "render", "encode"))
CHUNK, CORES, START_S, CALL_S, JITTER = 15, 2, 4.0, 0.004, 0.15
"""Frames of a packet, cores, CPU seconds of a network's start, cost of a call beside its work, spread of the work."""


@dataclass
class Machine:
    """Cores shared evenly by what runs."""

    random: random.Random
    left: dict[Call, float] = field(default_factory=dict)
    now: float = 0.0

    def begin(self, call: Call, cpu_s: float) -> None:
        """A call gets work to do."""
        self.left[call] = CALL_S + cpu_s * self.random.uniform(1 - JITTER, 1 + JITTER)

    def next_end(self) -> Call:
        """The call that ends next; time goes on to there."""
        call = min(self.left, key=lambda one: self.left[one])
        rate = min(1.0, CORES / len(self.left))
        spent = self.left.pop(call)
        self.left = {other: rest - spent for other, rest in self.left.items()}
        self.now += spent / rate
        return call


def frames_a_second(packets: int, replicas: int, patience: int, credits: int) -> float:
    """Run a stream of so many packets through the default graph; frames a second after the first."""
    patient = LaneRule(ordered=False, replicas=replicas, patience=patience)
    state: State = schedule.start(
        (LaneRule(ordered=True), patient, LaneRule(ordered=True)), (0,), credits=credits, lenient=False
    )
    machine, first, pulled = Machine(random.Random(0)), 0.0, 0
    for call in state.running:
        machine.begin(call, 0.0)
    while not schedule.finished(state):
        while (call := schedule.next_call(state)) is not None:
            state = schedule.begin(state, call)
            work = CHUNK * sum(STAGE_MS[name] for name in LANES[call.lane]) / 1000
            idle = call.kind == "finish" or (call.kind == "pull" and pulled + 1 > packets)
            machine.begin(call, START_S if call.kind == "prepare" else 0.0 if idle else work)
        call = machine.next_end()
        result = Result(ended=call.kind == "finish")
        if call.kind == "pull":
            result = Result(emitted=pulled) if pulled < packets else Result(ended=True)
            pulled += 1
        elif call.kind == "accept" and call.lane == 1:
            result = Result(emitted=call.seq)
        elif call.kind == "accept":
            first = first or machine.now
        state = schedule.complete(state, call, result)
    return (packets - 1) * CHUNK / (machine.now - first)


def main() -> None:
    """Print a table: length of the clip, how the second network starts, credits."""
    bound = 1000 / max(max(STAGE_MS.values()), sum(STAGE_MS.values()) / CORES)
    print(f"bound {bound:.1f} fps")
    for packets in (27, 134, 1000):
        for label, replicas, patience in (("one network", 1, 0), ("second after 24", 2, 24), ("second at once", 2, 0)):
            shares = [frames_a_second(packets, replicas, patience, credits) / bound for credits in (2, 4, 8)]
            text = "  ".join(f"{share:.2f}" for share in shares)
            print(f"{packets * CHUNK:6d} frames  {label:16s} share with 2, 4, 8 credits: {text}")


if __name__ == "__main__":
    main()
