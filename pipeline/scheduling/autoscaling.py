"""Autoscaling of replicas: whether one more replica of a lane saves more time than its start costs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pipeline.configuration.graph import Lane
from pipeline.observe.metrics import Metrics
from pipeline.packet import Timing

CACHE_CONTENTION = 0.2
"""The share by which replicas of a lane need more CPU time per frame when they run side by side, since they share the
last-level cache (docs/decisions/runner.md)."""
WARM_UP_PACKETS = 1
"""First packets of a lane that are not timed: a network may be compiled for their size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameTimes:
    """Seconds per frame.

    Attributes:
        lane_s: in the lane that may get a replica, alone on its core.
        others_s: in the slowest of the other lanes.
        cpu_s: CPU seconds of all stages together.
        cores: processor cores that share this work.
    """

    lane_s: float
    others_s: float
    cpu_s: float
    cores: int

    def frame_s(self, replicas: int) -> float:
        """Seconds from one finished frame to the next with `replicas` replicas of the lane."""
        crowd_s = CACHE_CONTENTION * self.lane_s if replicas > 1 else 0.0
        return max((self.lane_s + crowd_s) / replicas, self.others_s, (self.cpu_s + crowd_s) / self.cores)


def replica_pays_off(times: FrameTimes, *, replicas: int, left: int, start_s: float) -> bool:
    """Whether one more replica saves more time in the remaining frames than its start costs the other lanes.

    Args:
        times: of the run so far.
        replicas: running replicas of the lane.
        left: remaining frames of the lane.
        start_s: seconds that a replica needs to start; until then the lane is as fast as before.
    """
    now_s, then_s = times.frame_s(replicas), times.frame_s(replicas + 1)
    saved_s = (left * now_s - start_s) * (1 - then_s / now_s) if now_s else 0.0
    return saved_s > start_s / times.cores


def frames_left(metrics: Metrics, done: int) -> int:
    """Remaining frames of a lane after `done` frames; at least as many again where an input's length is unknown."""
    totals = metrics.totals()
    known = totals.stated - done
    return max(done, known) if totals.unknown else max(0, known)


class SpeedMeter:
    """Measures the seconds per frame of every lane, once each lane has finished its warm-up packets.

    Args:
        lanes: of the graph.
        on_gpu: names of the lanes that compute on a GPU. Other lanes count CPU seconds at most, so that waiting for a
            busy processor does not count as work.
        metrics: of the run.
    """

    def __init__(self, lanes: Sequence[Lane], on_gpu: Collection[str], metrics: Metrics) -> None:
        self._lanes = lanes
        self._on_gpu = on_gpu
        self._metrics = metrics
        self._cold: dict[str, Timing] = {}

    def note(self, lane: int) -> None:
        """Call this after each call of a lane."""
        nodes = self._lanes[lane].nodes
        if nodes[0].name not in self._cold and self._metrics.lanes[self._lanes[lane].name].packets >= WARM_UP_PACKETS:
            self._cold |= {node.name: self._metrics.stages[node.name] for node in nodes}

    def frame_times(self, lane: int, cores: int) -> FrameTimes | None:
        """The frame times for a decision on one lane; None until every lane has been measured."""
        if not all(self._frames(one.nodes[0].name) for one in self._lanes):
            return None
        spent = [self._lane(one) for one in self._lanes]
        others_s = max((seconds for index, (seconds, _) in enumerate(spent) if index != lane), default=0.0)
        return FrameTimes(lane_s=spent[lane][0], others_s=others_s, cpu_s=sum(cpu for _, cpu in spent), cores=cores)

    def _frames(self, stage: str) -> int:
        return self._metrics.stages[stage].items - self._cold[stage].items if stage in self._cold else 0

    def _lane(self, lane: Lane) -> tuple[float, float]:
        """Seconds and CPU seconds per frame of one lane."""
        seconds = cpu = 0.0
        for node in lane.nodes:
            if frames := self._frames(node.name):
                now, cold = self._metrics.stages[node.name], self._cold[node.name]
                busy_s, cpu_s = (now.busy_s - cold.busy_s) / frames, (now.cpu_s - cold.cpu_s) / frames
                seconds += busy_s if lane.name in self._on_gpu else min(busy_s, cpu_s)
                cpu += cpu_s
        return seconds, cpu
