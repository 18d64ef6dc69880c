"""The Ray workers of a batch: actors that carry out its units, on this machine or on a cluster."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayError

from pipeline.actors.cluster import check_ray, cluster_machine, start_ray, stop_ray
from pipeline.batch.manifest import Manifest
from pipeline.batch.run import Ended, run_batch
from pipeline.batch.split_graph import SplitRun
from pipeline.batch.units import Unit
from pipeline.batch.worker import BatchWorker, Outcome, WorkerPlace
from pipeline.configuration.plan import LanePlan, make_plan, process_environment, read_machine, worker_plan
from pipeline.interrupts import Interrupt
from pipeline.observe.metrics import Metrics
from pipeline.stage import Job

_POLL_S = 0.5


@dataclass(slots=True, kw_only=True)
class _Worker:
    """A worker.

    Attributes:
        actor: its process.
        answer: future of the place where the process runs.
        place: the value of `answer`; None before the process has started.
    """

    actor: Any
    answer: Any
    place: WorkerPlace | None = None

    def has_started(self) -> bool:
        """Whether the process runs, or did; sets `place`."""
        if self.place is None and ray.wait([self.answer], timeout=0)[0]:
            with contextlib.suppress(RayError):
                self.place = ray.get(self.answer)
        return self.place is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """A unit on a worker."""

    unit: Unit
    job: Job
    shards: tuple[Unit, ...]
    worker: _Worker


class RayWorkers:
    """A pool of Ray workers, each created when there is a unit for it.

    Args:
        parts, mark: see `BatchWorker`.
        plan: the resources of one worker, and the number of workers.
    """

    def __init__(self, parts: SplitRun, mark: str, plan: LanePlan) -> None:
        self._arguments = (ray.put(parts), plan.threads, os.getcwd(), mark)
        self._plan = plan
        self._idle: list[_Worker] = []
        self._calls: dict[Any, _Call] = {}

    @property
    def free(self) -> bool:
        """Whether a worker is idle, or another may be created."""
        return bool(self._idle) or len(self._calls) < self._plan.replicas

    def begin(self, unit: Unit, job: Job, shards: Sequence[Unit]) -> None:
        """Give a unit to an idle or a new worker."""
        worker = self._idle.pop() if self._idle else self._make()
        call = _Call(unit=unit, job=job, shards=tuple(shards), worker=worker)
        self._calls[worker.actor.run.remote(unit, job, call.shards)] = call

    def finished(self) -> list[Ended]:
        """Units that ended. Waits up to half a second."""
        self._move_unstarted_units()
        check_ray()
        if not self._calls:
            return []
        ray.wait(list(self._calls), num_returns=1, timeout=_POLL_S)
        ready, _ = ray.wait(list(self._calls), num_returns=len(self._calls), timeout=0)
        return [self._ended(ref) for ref in ready]

    def _ended(self, ref: Any) -> Ended:
        call = self._calls.pop(ref)
        started = call.worker.has_started()
        try:
            outcome: Outcome | None = ray.get(ref)
            self._idle.append(call.worker)
        except RayError:  # the process or its machine died: another worker replaces it
            ray.kill(call.worker.actor)
            outcome = None
        return Ended(unit=call.unit, outcome=outcome, place=call.worker.place if started else None)

    def _move_unstarted_units(self) -> None:
        """Move units from workers that have not started to idle ones, as a cluster may have lost a machine."""
        for ref, call in list(self._calls.items()):
            if not self._idle:
                return
            if not call.worker.has_started():
                del self._calls[ref]
                ray.kill(call.worker.actor)
                self.begin(call.unit, call.job, call.shards)

    def shutdown(self) -> None:
        """End all workers at once; finished shards and results stay, and the same command continues from there."""
        for worker in [*self._idle, *(call.worker for call in self._calls.values())]:
            ray.kill(worker.actor)
        self._idle.clear()
        self._calls.clear()

    def _make(self) -> _Worker:
        variables = process_environment(self._plan.threads)
        options = {"num_cpus": self._plan.cpus, "num_gpus": self._plan.gpus, "runtime_env": {"env_vars": variables}}
        actor: Any = ray.remote(BatchWorker).options(**options).remote(*self._arguments)
        return _Worker(actor=actor, answer=actor.place.remote())


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
