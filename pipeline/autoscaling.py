"""Whether another replica of a lane is worth its start: the speeds of a run so far, and a pure decision on them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pipeline.graph import Lane
from pipeline.metrics import Metrics
from pipeline.packet import Timing

CACHE_CONTENTION = 0.2
"""What replicas of a lane cost more CPU a frame when they run side by side: they share the last cache
(docs/benchmarks/runner.md)."""
COLD = 1
"""Packets of a lane that say nothing of its speed: a network may be compiled for their size first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameTimes:
    """Seconds that a frame takes.

    Attributes:
        lane_s: in the lane in question, alone on its core.
        others_s: in the slowest of the other lanes.
        cpu_s: CPU seconds of all stages together.
        cores: those that share them.
    """

    lane_s: float
    others_s: float
    cpu_s: float
    cores: int

    def frame_s(self, replicas: int) -> float:
        """Seconds from one finished frame to the next with so many replicas of the lane."""
        crowd_s = CACHE_CONTENTION * self.lane_s if replicas > 1 else 0.0
        return max((self.lane_s + crowd_s) / replicas, self.others_s, (self.cpu_s + crowd_s) / self.cores)


def replica_pays_off(pace: FrameTimes, *, replicas: int, left: int, start_s: float) -> bool:
    """Whether one more replica saves more time in the frames that are left than its start takes from the others.

    Args:
        replicas: of the lane that run.
        left: frames that the lane has still to do.
        start_s: seconds of a replica's start; until then the lane is as fast as before.
    """
    now_s, then_s = pace.frame_s(replicas), pace.frame_s(replicas + 1)
    saved_s = (left * now_s - start_s) * (1 - then_s / now_s) if now_s else 0.0
    return saved_s > start_s / pace.cores


def frames_left(metrics: Metrics, done: int) -> int:
    """Frames that a lane has still to do after so many; as many again, at least, where an input's length is unknown."""
    streams = metrics.streams.values()
    known = sum(stream.length or 0 for stream in streams) - done
    certain = all(stream.length is not None or stream.done or stream.failure for stream in streams)
    return max(0, known) if certain else max(done, known)


class SpeedMeter:
    """Seconds a frame of every lane of a run, once each has some packets behind it.

    Args:
        lanes: of the graph.
        on_gpu: names of the lanes that compute on one. The others' seconds are those on a processor, so that waiting
            for one, as on a machine that others use, does not count as work.
        metrics: of the run.
    """

    def __init__(self, lanes: Sequence[Lane], on_gpu: Collection[str], metrics: Metrics) -> None:
        self._lanes = lanes
        self._on_gpu = on_gpu
        self._metrics = metrics
        self._cold: dict[str, Timing] = {}

    def note(self, lane: int) -> None:
        """A call of a lane gave something."""
        nodes = self._lanes[lane].nodes
        if nodes[0].name not in self._cold and self._metrics.lanes[self._lanes[lane].name].packets >= COLD:
            self._cold |= {node.name: self._metrics.stages[node.name] for node in nodes}

    def pace(self, lane: int, cores: int) -> FrameTimes | None:
        """The run's pace as it concerns a lane; None while it is not known."""
        if not all(self._frames(one.nodes[0].name) for one in self._lanes):
            return None
        spent = [self._lane(one) for one in self._lanes]
        others_s = max((seconds for index, (seconds, _) in enumerate(spent) if index != lane), default=0.0)
        return FrameTimes(lane_s=spent[lane][0], others_s=others_s, cpu_s=sum(cpu for _, cpu in spent), cores=cores)

    def _frames(self, stage: str) -> int:
        return self._metrics.stages[stage].items - self._cold[stage].items if stage in self._cold else 0

    def _lane(self, lane: Lane) -> tuple[float, float]:
        """Seconds a frame of one lane, and CPU seconds of it."""
        seconds = cpu = 0.0
        for node in lane.nodes:
            if frames := self._frames(node.name):
                now, cold = self._metrics.stages[node.name], self._cold[node.name]
                busy_s, cpu_s = (now.busy_s - cold.busy_s) / frames, (now.cpu_s - cold.cpu_s) / frames
                seconds += busy_s if lane.name in self._on_gpu else min(busy_s, cpu_s)
                cpu += cpu_s
        return seconds, cpu
