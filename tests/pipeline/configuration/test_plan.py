"""What each lane gets, on machines that exist only as numbers."""

from __future__ import annotations

import pytest

from pipeline.configuration.config import load_config
from pipeline.configuration.plan import GB, Machine, PlanError, auto_threads, make_plan, read_machine, worker_plan
from stages import STAGES

pytestmark = pytest.mark.quick

SMALL = Machine(cpus=2, gpus=0, memory=4 * GB)
LARGE = Machine(cpus=16, gpus=2, memory=64 * GB)


def plan(config, machine: Machine):
    return make_plan(config.graph, config.settings, machine)


@pytest.mark.parametrize("machine", [SMALL, LARGE, Machine(cpus=1, gpus=0, memory=GB)])
def test_an_automatic_plan_always_fits(toy_config, machine: Machine) -> None:
    made = plan(toy_config("lanes.compute.replicas=auto", "threads=auto"), machine)
    assert sum(lane.cpus * lane.replicas for lane in made.lanes) <= machine.cpus
    assert all(lane.replicas >= 1 and lane.threads >= 1 for lane in made.lanes)
    assert GB // 4 <= made.store <= max(GB // 4, machine.memory // 4)


def test_a_large_machine_gets_replicas_where_order_does_not_matter(toy_config) -> None:
    made = plan(toy_config("lanes.compute.replicas=auto", "threads=auto"), LARGE)
    assert made.lane("compute").replicas > 1
    assert made.lane("read").replicas == made.lane("out").replicas == 1


def test_threads_do_not_depend_on_replicas(toy_config) -> None:
    plans = [plan(toy_config(f"lanes.compute.replicas={n}", "threads=auto"), LARGE) for n in (1, 2, 5)]
    assert {made.lane("compute").threads for made in plans} == {auto_threads(LARGE.cpus)}


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ("lanes.compute.cpus=3", "lanes.compute.cpus"),
        ("lanes.read.gpus=1", "lanes.read.gpus"),
        ("lanes.out.memory_gb=5", "lanes.out.memory_gb"),
        ("lanes.out.replicas=2", "lanes.out.replicas"),
        ("lanes.compute.replicas=1000", "lanes.compute.replicas"),
        ("threads=100000", "threads"),
        ("lanes.compute.threads=65", "lanes.compute.threads"),
        ("workers=9", "workers"),
        ("batch={workers: 9}", "batch.workers"),
        ("ray.object_store_gb=100", "ray.object_store_gb"),
    ],
)
def test_what_the_machine_cannot_give_is_refused_by_key(toy_config, change: str, key: str) -> None:
    with pytest.raises(PlanError) as caught:
        plan(toy_config(change), SMALL)
    assert caught.value.where == key and caught.value.remedy and caught.value.exit_code == 2


def test_replicas_of_an_accelerated_lane_share_the_gpus(toy_config, monkeypatch) -> None:
    from toy_stages import Square

    monkeypatch.setattr(Square, "accelerated", True)
    auto = plan(toy_config("lanes.compute.replicas=auto"), LARGE)
    assert (auto.lane("compute").replicas, auto.lane("compute").gpus) == (2, 1.0)
    shared = plan(toy_config("lanes.compute.replicas=3"), LARGE)
    assert shared.lane("compute").gpus * 3 <= 2
    assert plan(toy_config("lanes.compute.replicas=3"), SMALL).lane("compute").gpus == 0


@pytest.mark.parametrize(
    ("changes", "replicas", "gpus", "workers"),
    [
        ([], 4, 0, 4),  # the light network runs on the processor: as many as cores allow
        (["network.kind=zoo"], 2, 1, 2),
        (["network.kind=zoo", "network.device=cpu"], 4, 0, 4),
    ],
)
def test_only_a_network_that_would_use_a_gpu_keeps_one(changes, replicas, gpus, workers) -> None:
    config = load_config("batch", changes, STAGES)
    lane = plan(config, LARGE).lane("network")
    assert (lane.replicas, lane.gpus) == (replicas, gpus)
    worker = worker_plan(config.graph, config.settings, LARGE)
    assert worker.replicas == workers and worker.gpus == gpus


@pytest.mark.parametrize(
    ("change", "replicas"),
    [("cpus=8", 2), ("memory_gb=20", 3), ("gpus=1", 2), ("gpus=0.5", 4), ("threads=8", 2), ("memory_gb=60", 1)],
)
def test_automatic_replicas_fit_what_each_is_given(toy_config, change: str, replicas: int) -> None:
    made = plan(toy_config("lanes.compute.replicas=auto", f"lanes.compute.{change}", "threads=auto"), LARGE)
    assert made.lane("compute").replicas == replicas


def test_this_machine_has_something() -> None:
    machine = read_machine()
    assert machine.cpus >= 1 and machine.memory > 0 and machine.gpus >= 0


def test_a_lane_may_have_every_core(toy_config) -> None:
    made = plan(toy_config("lanes.compute.threads=all", "threads=auto"), LARGE)
    assert made.lane("compute").threads == LARGE.cpus
    assert made.lane("compute").replicas == 1


def test_automatic_lanes_share_what_fixed_lanes_leave(toy_config) -> None:
    made = plan(toy_config("lanes.read.cpus=1", "lanes.compute.replicas=1", "lanes.compute.threads=4"), SMALL)
    assert made.lane("read").cpus == 1
    assert sum(lane.cpus * lane.replicas for lane in made.lanes) <= SMALL.cpus
    assert made.lane("compute").cpus < SMALL.cpus
