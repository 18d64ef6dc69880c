"""The graph as Ray actors: starts Ray or joins a cluster, and lets one coordinator make the calls."""

from __future__ import annotations

import signal
from collections.abc import Sequence

from pipeline.actors.cluster import cluster_machine, start_ray, stop_ray
from pipeline.actors.coordinator import Coordinator
from pipeline.configuration.config import RunConfig
from pipeline.configuration.plan import Plan, make_plan, read_machine
from pipeline.interrupts import Interrupt
from pipeline.observe.metrics import Metrics
from pipeline.recovery.ending import Receipts, saved_at_the_end
from pipeline.recovery.recovery import Recovery
from pipeline.stage import Job


def run_ray(config: RunConfig, plan: Plan, jobs: Sequence[Job], metrics: Metrics, interrupt: Interrupt) -> Receipts:
    """Run every input to its end on Ray actors. Starts Ray, or joins a cluster, if Ray does not run yet.

    Arguments, receipts, errors and results are those of `pipeline.scheduling.serial.run_serial`.
    """
    settings = config.settings
    machine = read_machine()
    ray_settings = settings.ray
    started_here = False
    try:
        if not interrupt.requested:
            started_here = start_ray(
                ray_settings.address, machine.cpus, plan.store, machine.gpus, dashboard=ray_settings.dashboard
            )
    except KeyboardInterrupt as stop:
        if interrupt.requested:  # the second signal
            raise
        interrupt.request(stop.args[0] if stop.args else signal.SIGINT)
    if interrupt.requested and not started_here:
        yield from saved_at_the_end(config, jobs, Recovery(config, plan, jobs), metrics, interrupt, iter(()))
        return
    try:
        if settings.ray.address is not None:
            machine = cluster_machine(machine)
            plan = make_plan(config.graph, settings, machine)
        recovery = Recovery(config, plan, jobs)
        coordinator = Coordinator(config, plan, machine.cpus, recovery, jobs, metrics, interrupt)
        yield from saved_at_the_end(config, jobs, recovery, metrics, interrupt, coordinator.receipts())
    finally:
        if started_here:
            stop_ray()
