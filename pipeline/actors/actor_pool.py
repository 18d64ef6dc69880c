"""The actor pool of a run: creates the actors of all lanes, calls them, replaces dead ones, and ends them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import ray
from ray.exceptions import RayError

from pipeline.actors.cluster import check_ray
from pipeline.actors.lane_actor import LaneActor
from pipeline.configuration.config import RunConfig
from pipeline.configuration.plan import Plan, process_environment
from pipeline.packet import FROM_THE_START, Packet, Restart, Step
from pipeline.scheduling.schedule import Call
from pipeline.stage import Job

POLL_S = 0.2
"""Between two looks at whether Ray's own processes live."""
_PATIENCE_S = 60.0
"""For a running call, when the lane is to save what it has."""


class ActorPool:
    """The actors of all replicas of all lanes; an actor is created when its replica is first called.

    Args:
        config: the run.
        plan: the resources of each lane.
    """

    def __init__(self, config: RunConfig, plan: Plan) -> None:
        self._lanes = config.graph.lanes
        self._stages = config.stages
        self._plan = plan
        self._lenient = config.settings.on_error == "pass"
        self._remote = config.settings.ray.address is not None
        # For its dashboard, Ray's head records every call, which needs more and more memory during a run.
        self._recorded = config.settings.ray.dashboard
        self._actors: dict[tuple[int, int], Any] = {}
        self._ready: set[tuple[int, int]] = set()
        self._restarts: dict[int, tuple[int, Restart]] = {}
        self._restarts_sent: set[tuple[int, int, int]] = set()

    def call(self, call: Call, job: Job | None, packet: Packet | None, payloads: Mapping[type, Any]) -> list[Any]:
        """Make a call; returns the references of the step and of one payload per export of the lane."""
        place = (call.lane, call.replica)
        if place not in self._actors:
            self._actors[place] = self._make(call.lane)
        actor = self._actors[place]
        self._send_restart(call, actor)
        returns = 1 + len(self._lanes[call.lane].exports)
        refs = actor.call.options(num_returns=returns).remote(
            call.kind, job, call.epoch, packet, tuple(payloads), *payloads.values()
        )
        return [refs] if returns == 1 else refs

    def restart(self, stream: int, epoch: int, restart: Restart) -> None:
        """Restart a stream at a point, under this epoch; every ordered lane gets the point before its next call."""
        self._restarts[stream] = (epoch, restart)
        self._restarts_sent = {sent for sent in self._restarts_sent if sent[2] != stream}

    def ready(self, lane: int, replica: int) -> None:
        """Note that a replica has been prepared."""
        self._ready.add((lane, replica))

    def discard(self, lane: int, replica: int) -> None:
        """Forget a dead actor; the next call of its replica creates a new one."""
        ray.kill(self._actors.pop((lane, replica)))
        self._ready.discard((lane, replica))
        self._restarts_sent = {sent for sent in self._restarts_sent if sent[:2] != (lane, replica)}

    def interrupt(self, lane: int, job: Job, epoch: int, earlier: Sequence[Any]) -> Step | None:
        """Let a lane save its partial result of a stream; returns None if its actor does not respond.

        An actor that is still starting has nothing to save and is not waited for. To save takes as long as it takes:
        joining the segments of a day is minutes of work.

        Args:
            lane, job, epoch: the stream in a lane.
            earlier: references of the steps of its running calls, which must end soon.
        """
        return self._answer("interrupt", lane, job, epoch, earlier)

    def complete_part(self, lane: int, job: Job, epoch: int, earlier: Sequence[Any]) -> Step | None:
        """Let a lane commit what it has of a stream; arguments and result as of `interrupt`."""
        return self._answer("complete_part", lane, job, epoch, earlier)

    def _answer(self, method: str, lane: int, job: Job, epoch: int, earlier: Sequence[Any]) -> Step | None:
        if (lane, 0) not in self._ready:
            return Step(ended=True)
        try:
            _, busy = ray.wait([*earlier], num_returns=len(earlier), timeout=_PATIENCE_S) if earlier else ([], [])
            if busy:
                return None
            step_ref = getattr(self._actors[lane, 0], method).remote(job, epoch)
            while not ray.wait([step_ref], timeout=POLL_S)[0]:
                check_ray()
            return ray.get(step_ref)
        except RayError:
            return None

    def close(self, stream: int) -> None:
        """Let every ordered lane close a stream, after the calls that were made before."""
        for (lane, _), actor in self._actors.items():
            if self._lanes[lane].ordered:
                actor.close.remote(stream)

    def shutdown(self, timeout_s: float) -> dict[str, Any]:
        """Close all stages and end all actors; returns the facts of stages that all streams share."""
        refs = [self._actors[place].shutdown.remote() for place in self._ready]
        ready, _ = ray.wait(refs, num_returns=len(refs), timeout=timeout_s) if refs else ([], [])
        facts: dict[str, Any] = {}
        for ref in ready:
            try:
                facts |= ray.get(ref)
            except RayError:  # a dead actor's facts are lost; the run continues
                continue
        for actor in self._actors.values():  # including those that are still starting
            ray.kill(actor)
        self._actors.clear()
        self._ready.clear()
        return facts

    def _send_restart(self, call: Call, actor: Any) -> None:
        epoch, restart = self._restarts.get(call.stream, (0, FROM_THE_START))
        key = (call.lane, call.replica, call.stream)
        if restart is FROM_THE_START or not self._lanes[call.lane].ordered or key in self._restarts_sent:
            return
        actor.restart.remote(call.stream, epoch, restart)
        self._restarts_sent.add(key)

    def _make(self, index: int) -> Any:
        lane = self._lanes[index]
        plan = self._plan.lane(lane.name)
        options: dict[str, Any] = {"num_cpus": plan.cpus, "num_gpus": plan.gpus, "max_concurrency": 1}
        options["enable_task_events"] = self._recorded
        if plan.memory:
            options["memory"] = plan.memory
        variables = process_environment(plan.threads)
        if self._remote or any(os.environ.get(name) != value for name, value in variables.items()):
            options["runtime_env"] = {"env_vars": variables}
        return (
            ray.remote(LaneActor)
            .options(**options)
            .remote(lane, self._stages, plan.threads, self._lenient, os.getcwd())
        )
