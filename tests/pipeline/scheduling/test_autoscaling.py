"""When another replica of a lane is worth its start."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.configuration.graph import Graph
from pipeline.observe.metrics import LaneTally, Metrics
from pipeline.packet import Step, Timing
from pipeline.scheduling.autoscaling import FrameTimes, SpeedMeter, frames_left, replica_pays_off
from pipeline.stage import Job

pytestmark = pytest.mark.quick

NETWORK = FrameTimes(lane_s=0.010, others_s=0.004, cpu_s=0.014, cores=2)


def test_a_frame_takes_as_long_as_the_slowest_lane_or_the_cores_need() -> None:
    assert NETWORK.frame_s(1) == 0.010
    assert NETWORK.frame_s(2) == pytest.approx((0.014 + 0.002) / 2)  # crowded: a fifth more for the network
    roomy = FrameTimes(lane_s=0.010, others_s=0.004, cpu_s=0.014, cores=16)
    assert roomy.frame_s(2) == pytest.approx(0.006)
    assert roomy.frame_s(4) == 0.004


@pytest.mark.parametrize(("left", "worth"), [(0, False), (300, False), (1_300, False), (1_500, True), (15_000, True)])
def test_a_replica_starts_where_what_is_left_pays_for_it(left: int, worth: bool) -> None:
    # 10 ms a frame now and 8 then, a start of 4 s: (0.010 left - 4) / 5 > 4 / 2 from 1400 frames on
    assert replica_pays_off(NETWORK, replicas=1, left=left, start_s=4.0) is worth


def test_no_replica_starts_where_another_lane_or_the_cores_are_the_limit() -> None:
    elsewhere = FrameTimes(lane_s=0.010, others_s=0.012, cpu_s=0.024, cores=16)
    assert not replica_pays_off(elsewhere, replicas=1, left=10**6, start_s=4.0)
    full = FrameTimes(lane_s=0.010, others_s=0.008, cpu_s=0.022, cores=2)
    assert not replica_pays_off(full, replicas=1, left=10**6, start_s=4.0)
    assert not replica_pays_off(
        FrameTimes(lane_s=0.0, others_s=0.0, cpu_s=0.0, cores=2), replicas=1, left=9, start_s=1.0
    )


def metrics_with(*lengths: int | None, done: int | None = None) -> Metrics:
    """The metrics of streams of these lengths, all of which have begun, one of which may be done."""
    jobs = [Job(index=index, input=str(index), output=None, stem="") for index in range(len(lengths))]
    metrics = Metrics(Graph(lanes=()), jobs)
    metrics.lanes["a"] = LaneTally()
    for index, length in enumerate(lengths):
        metrics.step("a", index, Step(started=1, length=length))
    if done is not None:
        metrics.streams[done].done = True
    return metrics


def test_frames_left_are_counted_where_lengths_are_known_and_guessed_elsewhere() -> None:
    assert frames_left(metrics_with(100, 50, done=1), 60) == 90
    assert frames_left(metrics_with(100), 130) == 0  # the container was wrong
    assert frames_left(metrics_with(None), 60) == 60  # as many again
    assert frames_left(metrics_with(500, None), 60) == 440


def lane(name: str, *stages: str) -> Any:
    """A lane, as far as it matters here."""
    return SimpleNamespace(name=name, nodes=tuple(SimpleNamespace(name=stage) for stage in stages))


@pytest.mark.parametrize(("on_gpu", "lane_s"), [((), 0.05), (("b",), 0.10)])
def test_the_stopwatch_leaves_out_first_packets_and_waiting(on_gpu: tuple[str, ...], lane_s: float) -> None:
    lanes = (lane("a", "read"), lane("b", "think", "guess"))
    tallies = {"a": SimpleNamespace(packets=1), "b": SimpleNamespace(packets=1)}
    slow = Timing(busy_s=9.0, cpu_s=9.0, items=10)
    metrics: Any = SimpleNamespace(stages={"read": slow, "think": slow, "guess": slow}, lanes=tallies)
    watch = SpeedMeter(lanes, on_gpu, metrics)
    for index in (0, 1):
        watch.note(index)
    assert watch.frame_times(1, 2) is None
    metrics.stages["read"] += Timing(busy_s=0.2, cpu_s=0.1, items=10)
    assert watch.frame_times(1, 2) is None  # nothing is known of the other lane yet
    metrics.stages["think"] += Timing(busy_s=0.8, cpu_s=0.3, items=10)
    metrics.stages["guess"] += Timing(busy_s=0.2, cpu_s=0.4, items=10)  # several threads
    for index in (0, 1):
        watch.note(index)
    pace = watch.frame_times(1, 2)
    assert pace is not None
    assert (pace.lane_s, pace.others_s, pace.cpu_s) == pytest.approx((lane_s, 0.01, 0.08))
