"""Start a run: fetch what it needs, then hand it to the runner that suits it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.cluster import quieten
from pipeline.config import RunConfig
from pipeline.inputs import IMAGE_SUFFIXES
from pipeline.interrupts import Interrupt
from pipeline.metrics import Metrics
from pipeline.plan import Plan
from pipeline.serial import run_serial
from pipeline.stage import Job


def fetch(config: RunConfig) -> None:
    """Let every stage get what it needs from outside, in this process, where its progress can be seen.

    Raises what the stages raise: an error with what, where and remedy.
    """
    for node in config.graph.nodes:
        node.cls.fetch(config.stages[node.name])


def one_thing_at_a_time(plan: Plan, jobs: Sequence[Job]) -> bool:
    """Whether nothing of a run could happen side by side: a single lane, or a single image, which is one packet."""
    single_lane = len(plan.lanes) == 1 and plan.lanes[0].replicas == 1
    single_image = len(jobs) == 1 and Path(jobs[0].input).suffix.lower() in IMAGE_SUFFIXES
    return single_lane or single_image


def launch(
    config: RunConfig, plan: Plan, jobs: Sequence[Job], metrics: Metrics, interrupt: Interrupt, *, serial: bool
) -> Iterator[tuple[Job, Any]]:
    """Run the jobs as Ray actors, or in this process where that is asked for or nothing could run side by side.

    Arguments, receipts and errors as `pipeline.serial.run_serial`.
    """
    if not jobs:
        return iter(())
    fetch(config)
    if serial or (config.settings.ray.address is None and one_thing_at_a_time(plan, jobs)):
        return run_serial(config, plan, jobs, metrics, interrupt)
    quieten()
    from pipeline.runner import run_ray

    return run_ray(config, plan, jobs, metrics, interrupt)
