"""The Ray workers of a batch: actors that carry out its units, on this machine or on a cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayError

from pipeline.actors.cluster import check_ray, cluster_machine, start_ray, stop_ray
from pipeline.batch.manifest import Manifest
from pipeline.batch.run import run_batch
from pipeline.batch.split_graph import SplitRun
from pipeline.batch.units import Unit
from pipeline.batch.worker import BatchWorker, Outcome
from pipeline.interrupts import Interrupt
from pipeline.metrics import Metrics
from pipeline.plan import LanePlan, make_plan, process_environment, read_machine, worker_plan
from pipeline.stage import Job

_POLL_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """A unit on a worker; `up` is ready once the worker's process has started, None for one that worked before."""

    unit: Unit
    job: Job
    shards: tuple[Unit, ...]
    actor: Any
    up: Any


class RayWorkers:
    """A pool of Ray workers, each created when there is a unit for it.

    Args:
        parts, mark: see `BatchWorker`.
        plan: the resources of one worker, and the number of workers.
    """

    def __init__(self, parts: SplitRun, mark: str, plan: LanePlan) -> None:
        self._arguments = (ray.put(parts), plan.threads, os.getcwd(), mark)
        self._plan = plan
        self._idle: list[Any] = []
        self._calls: dict[Any, _Call] = {}

    @property
    def free(self) -> bool:
        """Whether a worker is idle, or another may be created."""
        return bool(self._idle) or len(self._calls) < self._plan.replicas

    def begin(self, unit: Unit, job: Job, shards: Sequence[Unit]) -> None:
        """Give a unit to an idle or a new worker."""
        if self._idle:
            actor, up = self._idle.pop(), None
        else:
            actor = self._make()
            up = actor.__ray_ready__.remote()
        call = _Call(unit=unit, job=job, shards=tuple(shards), actor=actor, up=up)
        self._calls[actor.run.remote(unit, job, call.shards)] = call

    def finished(self) -> list[tuple[Unit, Outcome | None]]:
        """Units that ended, with their outcomes; None if the worker died. Waits up to half a second."""
        self._move_unstarted_units()
        check_ray()
        ready, _ = ray.wait(list(self._calls), num_returns=1, timeout=_POLL_S) if self._calls else ([], [])
        ended: list[tuple[Unit, Outcome | None]] = []
        for ref in ready:
            call = self._calls.pop(ref)
            try:
                ended.append((call.unit, ray.get(ref)))
                self._idle.append(call.actor)
            except RayError:  # the process or its machine died: another worker replaces it
                ray.kill(call.actor)
                ended.append((call.unit, None))
        return ended

    def _move_unstarted_units(self) -> None:
        """Move units of workers that have not started to idle ones: a cluster that lost a machine has less room."""
        for ref, call in list(self._calls.items()):
            if not self._idle:
                return
            if call.up is not None and not ray.wait([call.up], timeout=0)[0]:
                del self._calls[ref]
                ray.kill(call.actor)
                self.begin(call.unit, call.job, call.shards)

    def shutdown(self) -> None:
        """End all workers at once; finished shards and results stay, and the same command continues from there."""
        for actor in [*self._idle, *(call.actor for call in self._calls.values())]:
            ray.kill(actor)
        self._idle.clear()
        self._calls.clear()

    def _make(self) -> Any:
        variables = process_environment(self._plan.threads)
        options = {"num_cpus": self._plan.cpus, "num_gpus": self._plan.gpus, "runtime_env": {"env_vars": variables}}
        return ray.remote(BatchWorker).options(**options).remote(*self._arguments)


def run_batch_on_ray(
    parts: SplitRun, jobs: Sequence[Job], metrics: Metrics, interrupt: Interrupt, manifest: Manifest, mark: str
) -> Iterator[tuple[Job, Any]]:
    """`pipeline.batch.run.run_batch` with Ray workers on this machine, or on the cluster that the settings name."""
    if interrupt.requested:
        return
    settings = parts.whole.settings
    machine = read_machine()
    store = make_plan(parts.whole.graph, settings, machine).store
    ray_settings = settings.ray
    started_here = start_ray(ray_settings.address, machine.cpus, store, machine.gpus, dashboard=ray_settings.dashboard)
    try:
        if ray_settings.address is not None:
            machine = cluster_machine(machine)
        workers = RayWorkers(parts, mark, worker_plan(parts.whole.graph, settings, machine))
        try:
            yield from run_batch(parts, jobs, metrics, interrupt, workers, manifest)
        finally:
            workers.shutdown()
    finally:
        if started_here:
            stop_ray()
