"""Runs over toy stages: the default graph, a machine, and either runner driven to its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline.configuration.config import RunConfig
from pipeline.configuration.plan import Machine, make_plan
from pipeline.interrupts import Interrupt
from pipeline.observe.metrics import Metrics
from pipeline.stage import Job

GRAPH: dict[str, Any] = {
    "lanes": {
        "read": {"stages": ["count"]},
        "compute": {"stages": ["square", "use_local"], "replicas": 1},
        "out": {"stages": ["watch", "smooth", "save"]},
    },
    "threads": 1,
}
MACHINE = Machine(cpus=2, gpus=0, memory=1 << 32)
STORE = 200 << 20

Run = Callable[[RunConfig, list[Job]], tuple[Metrics, list[tuple[Job, Any]]]]


def driver(runner: Any) -> Run:
    """A function that drives a runner to its end and returns the metrics and every receipt."""

    def drive(config: RunConfig, jobs: list[Job]) -> tuple[Metrics, list[tuple[Job, Any]]]:
        metrics = Metrics(config.graph, jobs)
        plan = make_plan(config.graph, config.settings, MACHINE)
        receipts = list(runner(config, plan, jobs, metrics, Interrupt()))
        metrics.finish()
        return metrics, receipts

    return drive
