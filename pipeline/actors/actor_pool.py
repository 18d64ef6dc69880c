"""The actors of a run: made as planned, called, replaced when they die, and ended."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import ray
from ray.exceptions import RayError

from pipeline.actors.lane_actor import LaneActor
from pipeline.config import RunConfig
from pipeline.packet import FROM_THE_START, Packet, Restart, Step
from pipeline.plan import Plan, process_environment
from pipeline.schedule import Call
from pipeline.stage import Job


class ActorPool:
    """All replicas of all lanes; a process is made when its place is first called.

    Args:
        config: the run.
        plan: what each lane gets.
    """

    def __init__(self, config: RunConfig, plan: Plan) -> None:
        self._lanes = config.graph.lanes
        self._stages = config.stages
        self._plan = plan
        self._lenient = config.settings.on_error == "pass"
        self._remote = config.settings.ray.address is not None
        # Ray's head keeps a record of every call, for its page alone, and grows by it for as long as a run lasts.
        self._recorded = config.settings.ray.dashboard
        self._actors: dict[tuple[int, int], Any] = {}
        self._ready: set[tuple[int, int]] = set()
        self._restarts: dict[int, tuple[int, Restart]] = {}
        self._told: set[tuple[int, int, int]] = set()

    def call(self, call: Call, job: Job | None, packet: Packet | None, payloads: Mapping[type, Any]) -> list[Any]:
        """Make a call; returns the references of the step and of one payload per export of the lane."""
        place = (call.lane, call.replica)
        if place not in self._actors:
            self._actors[place] = self._make(call.lane)
        actor = self._actors[place]
        self._tell(call, actor)
        returns = 1 + len(self._lanes[call.lane].exports)
        refs = actor.call.options(num_returns=returns).remote(
            call.kind, job, call.epoch, packet, tuple(payloads), *payloads.values()
        )
        return [refs] if returns == 1 else refs

    def restart(self, stream: int, epoch: int, restart: Restart) -> None:
        """From this epoch on a stream goes on at a point; every ordered lane is told before its first call of it."""
        self._restarts[stream] = (epoch, restart)
        self._told = {told for told in self._told if told[2] != stream}

    def ready(self, lane: int, replica: int) -> None:
        """A replica has been prepared."""
        self._ready.add((lane, replica))

    def discard(self, lane: int, replica: int) -> None:
        """Forget a process that died; the next call of its place makes a new one."""
        ray.kill(self._actors.pop((lane, replica)))
        self._ready.discard((lane, replica))
        self._told = {told for told in self._told if told[:2] != (lane, replica)}

    def interrupt(self, lane: int, job: Job, epoch: int, timeout_s: float) -> Step | None:
        """Ask a lane to keep what is whole of a stream; None when it cannot answer any more.

        A process that still starts has nothing, and is not waited for.
        """
        if (lane, 0) not in self._ready:
            return Step(ended=True)
        try:
            return ray.get(self._actors[lane, 0].interrupt.remote(job, epoch), timeout=timeout_s)
        except RayError:
            return None

    def close(self, stream: int) -> None:
        """Tell every lane that keeps streams to forget one; takes effect after the calls made before."""
        for (lane, _), actor in self._actors.items():
            if self._lanes[lane].ordered:
                actor.close.remote(stream)

    def shutdown(self, timeout_s: float) -> dict[str, Any]:
        """Close all stages and end all processes; returns the facts of stages that all streams share."""
        refs = [self._actors[place].shutdown.remote() for place in self._ready]
        ready, _ = ray.wait(refs, num_returns=len(refs), timeout=timeout_s) if refs else ([], [])
        facts: dict[str, Any] = {}
        for ref in ready:
            try:
                facts |= ray.get(ref)
            except RayError:  # it died before; what it knew is lost, the run is not
                continue
        for actor in self._actors.values():  # one that still starts is not waited for
            ray.kill(actor)
        self._actors.clear()
        self._ready.clear()
        return facts

    def _tell(self, call: Call, actor: Any) -> None:
        epoch, restart = self._restarts.get(call.stream, (0, FROM_THE_START))
        told = (call.lane, call.replica, call.stream)
        if restart is FROM_THE_START or not self._lanes[call.lane].ordered or told in self._told:
            return
        actor.restart.remote(call.stream, epoch, restart)
        self._told.add(told)

    def _make(self, index: int) -> Any:
        lane = self._lanes[index]
        plan = self._plan.lane(lane.name)
        options: dict[str, Any] = {"num_cpus": plan.cpus, "num_gpus": plan.gpus, "max_concurrency": 1}
        options["enable_task_events"] = self._recorded
        if plan.memory:
            options["memory"] = plan.memory
        told = process_environment(plan.threads)
        if self._remote or any(os.environ.get(name) != value for name, value in told.items()):
            options["runtime_env"] = {"env_vars": told}
        return (
            ray.remote(LaneActor)
            .options(**options)
            .remote(lane, self._stages, plan.threads, self._lenient, os.getcwd())
        )
