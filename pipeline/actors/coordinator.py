"""The coordinator: makes the calls of lane actors that `schedule` chooses, and processes their results."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError

from pipeline.actors.actor_pool import POLL_S, ActorPool
from pipeline.actors.cluster import check_ray, first_line
from pipeline.configuration.config import RunConfig
from pipeline.configuration.graph import Lane
from pipeline.configuration.plan import Plan
from pipeline.interrupts import Interrupt
from pipeline.observe.metrics import Metrics
from pipeline.packet import Failure, Packet, Restart, Step, failure_of
from pipeline.recovery.ending import Receipts
from pipeline.recovery.recovery import Recovery, save_partial_results
from pipeline.scheduling import failures_and_restarts, schedule
from pipeline.scheduling.autoscaling import SpeedMeter, frames_left, replica_pays_off
from pipeline.scheduling.failures_and_restarts import Verdict
from pipeline.scheduling.schedule import Call, LaneRule, Result, State
from pipeline.stage import Job, PlainError

_CLOSE_TIMEOUT_S = 20.0
_START_ATTEMPTS_LOST = 2


@dataclass(frozen=True, slots=True)
class _Sent:
    """A running call: the references of its payloads, and when it was made (monotonic seconds)."""

    call: Call
    payload_refs: tuple[Any, ...]
    at: float


class Coordinator:
    """Holds the envelopes of packets and references to their payloads; frames never pass through this process."""

    def __init__(
        self,
        config: RunConfig,
        plan: Plan,
        cores: int,
        recovery: Recovery,
        jobs: Sequence[Job],
        metrics: Metrics,
        interrupt: Interrupt,
    ) -> None:
        self._config = config
        self._lanes = config.graph.lanes
        self._cores = cores
        self._jobs = {job.index: job for job in jobs}
        self._recovery = recovery
        self._metrics = metrics
        self._interrupt = interrupt
        self._start_timeout_s = config.settings.ray.start_timeout_s
        self._pool = ActorPool(config, plan)
        self._rules = tuple(self._rule(lane, config, plan) for lane in self._lanes)
        self._credits, self._lenient = config.settings.credits, config.settings.on_error == "pass"
        self._state = schedule.initial_state(self._rules, (), credits=self._credits, lenient=self._lenient)
        self._speed_meter = SpeedMeter(self._lanes, {lane.name for lane in plan.lanes if lane.gpus}, metrics)
        self._start_s: dict[int, float] = {}
        self._starts_lost = Counter[int]()
        self._calls: dict[Any, _Sent] = {}
        self._packets: dict[tuple[int, int], Packet] = {}
        self._payloads: dict[tuple[int, int], dict[type, Any]] = {}

    @staticmethod
    def _rule(lane: Lane, config: RunConfig, plan: Plan) -> LaneRule:
        """Configured replicas start as soon as packets wait. Automatic replicas start only if they save time."""
        eager = config.settings.lanes[lane.name].replicas != "auto"
        return LaneRule(ordered=lane.ordered, replicas=plan.lane(lane.name).replicas, eager=eager)

    def receipts(self) -> Receipts:
        """Run every input to its end, then close every stage and end the processes. Raises PlainError."""
        try:
            yield from self._run()
            self._metrics.finish()
        finally:
            self._metrics.facts |= self._pool.shutdown(_CLOSE_TIMEOUT_S)

    def _run(self) -> Receipts:
        """Make calls and process their results until every stream is done. Raises PlainError."""
        yield from self._begin()
        for prepare in () if self._interrupt.requested else self._state.running:
            self._send(prepare)
        while not schedule.all_done(self._state) and not self._interrupt.requested:
            while (call := schedule.next_call(self._state)) is not None:
                self._state = schedule.call_made(self._state, call)
                self._send(call)
            self._scale_up()
            ready, _ = ray.wait(list(self._calls), num_returns=1, timeout=POLL_S)
            check_ray()
            self._count_waiting()
            for step_ref in ready:
                yield from self._take(step_ref)
            self._check_starts()
        if self._interrupt.requested:
            yield from self._keep()

    def _count_waiting(self) -> None:
        """Count the packets that wait before each lane."""
        for index, lane in enumerate(self._lanes):
            queues = [stream.progress[index].queue for stream in self._state.streams]
            self._metrics.lanes[lane.name].waiting = sum(map(len, queues))

    def _begin(self) -> Receipts:
        """Decide where each input begins; an input that cannot be resumed as requested ends with an error."""
        passed: dict[int, int] = {}
        for job in self._jobs.values():
            try:
                restart = self._recovery.begin(job)
            except PlainError as error:
                self._metrics.failed(job.index, failure_of(error))
                continue
            passed[job.index] = restart.packets
            if self._recovery.loses(job.index, restart):
                yield from save_partial_results(self._config, job, self._metrics)
            self._restart(job.index, 0, restart)
        self._state = schedule.initial_state(
            self._rules, tuple(passed), credits=self._credits, lenient=self._lenient, passed=passed
        )

    def _restart(self, stream: int, epoch: int, restart: Restart) -> None:
        """Inform lanes and metrics where a stream restarts."""
        self._pool.restart(stream, epoch, restart)
        self._metrics.rewound(stream, restart.frames)

    def _send(self, call: Call) -> None:
        """Make a call; payloads are passed as references."""
        packet: Packet | None = None
        wanted: dict[type, Any] = {}
        if call.seq is not None:
            key = (call.stream, call.seq)
            packet, known = self._packets[key], self._payloads[key]
            wanted = {kind: known[kind] for kind in self._lanes[call.lane].imports if kind in known}
        step_ref, *payload_refs = self._pool.call(call, self._jobs.get(call.stream), packet, wanted)
        self._calls[step_ref] = _Sent(call, tuple(payload_refs), time.monotonic())

    def _take(self, step_ref: Any) -> Receipts:
        """Process the result of a call."""
        sent = self._calls.pop(step_ref)
        call = sent.call
        try:
            step: Step = ray.get(step_ref)
        except RayActorError as error:
            self._died(call, error)
            return
        except RayError as error:  # the payloads of the call were lost with the machine that held them
            failure = self._failure(call, f"could not be called ({first_line(error)})", str(error))
            self._settle(call, failure, *failures_and_restarts.after_loss(self._state, call))
            return
        if call.kind == "prepare":
            if step.failure:
                raise step.failure.error()
            self._metrics.announce(step.addresses)
            self._pool.ready(call.lane, call.replica)
            self._start_s.setdefault(call.lane, time.monotonic() - sent.at)
            self._state = schedule.call_done(self._state, call, Result())
            return
        if schedule.stream_of(self._state, call) is None:  # the stream ended meanwhile: this result is ignored
            self._state = schedule.call_done(self._state, call, Result())
            return
        if step.dry:
            self._state = schedule.call_done(self._state, call, Result())
            self._go_back(call.stream, self._recovery.earlier)
            return
        if step.failure:
            self._failed(call, step)
        else:
            self._hand_on(call, step, sent.payload_refs)
        self._metrics.step(self._lanes[call.lane].name, call.stream, step)
        self._commit(call, step)
        self._speed_meter.note(call.lane)
        yield from ((self._jobs[call.stream], receipt) for receipt in step.receipts)

    def _hand_on(self, call: Call, step: Step, payload_refs: tuple[Any, ...]) -> None:
        """After a packet leaves a lane: keep the references that later lanes need, and drop the others."""
        lane = self._lanes[call.lane]
        if step.emitted is not None:
            key = (step.emitted.stream, step.emitted.seq)
            known = self._payloads.get(key, {}) | dict(zip(lane.exports, payload_refs, strict=True))
            self._payloads[key] = {kind: known[kind] for kind in lane.onward if kind in known}
            self._packets[key] = step.emitted
        emitted, size = (step.emitted.seq, step.emitted.bytes) if step.emitted else (None, 0)
        result = Result(emitted=emitted, pending=step.pending, ended=step.ended, bytes=size)
        self._state = schedule.call_done(self._state, call, result)
        if lane.last and call.seq is not None:
            del self._payloads[call.stream, call.seq], self._packets[call.stream, call.seq]

    def _commit(self, call: Call, step: Step) -> None:
        """Write commits to the journal; at the end of a stream, its result is complete."""
        stream = self._metrics.streams[call.stream]
        stream.done = schedule.stream_of(self._state, call) is None and not step.failure
        if stream.done and not stream.given_up:
            self._recovery.complete(call.stream)
            return
        try:
            for commit in step.commits:
                self._recovery.commit(commit)
        except PlainError as error:
            self._give_up(call.stream, failure_of(error))

    def _scale_up(self) -> None:
        """Start one more replica of a lane with waiting packets, if that saves time."""
        for lane in {place[0] for place in self._state.dormant if not self._rules[place[0]].eager}:
            call = schedule.next_replica(self._state, lane)
            times = self._speed_meter.frame_times(lane, self._cores) if call else None
            if call is None or times is None:
                continue
            done = self._metrics.stages[self._lanes[lane].nodes[0].name].items
            left, start_s = frames_left(self._metrics, done), self._start_s[lane]
            if replica_pays_off(times, replicas=call.replica, left=left, start_s=start_s):
                self._state = schedule.call_made(self._state, call)
                self._send(call)

    def _failed(self, call: Call, step: Step) -> None:
        """Handle a failed stage: its packet passes unprocessed if the configuration allows it, else the input ends."""
        assert step.failure is not None
        self._state, verdict = failures_and_restarts.after_failure(self._state, call, died=False)
        if verdict == "fail":
            self._give_up(call.stream, step.failure)
        else:
            self._metrics.streams[call.stream].poisoned.append(str(step.failure.error()))

    def _died(self, call: Call, error: RayActorError) -> None:
        """Handle the death of an actor during a call: start a new one, and retry, rewind or end its streams."""
        lane = self._lanes[call.lane]
        if call.kind == "prepare":
            self._starts_lost[call.lane] += 1
            if self._starts_lost[call.lane] > _START_ATTEMPTS_LOST:
                what = f"the process of lane '{lane.name}' ended while it started, {_START_ATTEMPTS_LOST + 1} times"
                raise PlainError(what, f"lanes.{lane.name}", "free some memory, or run with --serial") from error
        self._metrics.restarted(lane.name)
        inside = failures_and_restarts.streams_inside(self._state, call.lane) if lane.ordered else []
        failure = self._failure(call, "died (killed, or out of memory)", "")
        self._settle(call, failure, *failures_and_restarts.after_failure(self._state, call, died=True))
        for stream in inside:
            if stream != call.stream:
                self._go_back(stream, self._recovery.point)
        self._pool.discard(call.lane, call.replica)
        prepare = Call(kind="prepare", lane=call.lane, replica=call.replica)
        self._state = schedule.call_made(self._state, prepare)
        self._send(prepare)

    def _settle(self, call: Call, failure: Failure, state: State, verdict: Verdict) -> None:
        """Carry out the verdict on a call without a result."""
        current = schedule.stream_of(self._state, call) is not None
        self._state = state
        if verdict == "fail" and current:
            self._give_up(call.stream, failure)
        elif verdict == "rewind":
            self._go_back(call.stream, self._recovery.point)
        elif verdict == "replace":
            self._metrics.streams[call.stream].poisoned.append(str(failure.error()))

    def _go_back(self, stream: int, point: Callable[[int], Restart]) -> None:
        """Restart a stream after its last commit, under a new epoch."""
        self._complete_parts(stream)
        self._forget(stream)
        # Near the end of a stream the result may exist already; it is overwritten.
        self._jobs[stream] = dataclasses.replace(self._jobs[stream], overwrite=True, renews_exports=True)
        try:
            restart = point(stream)
        except PlainError as error:
            self._give_up(stream, failure_of(error))
            return
        self._state = failures_and_restarts.rewind(self._state, stream, restart.packets)
        epoch = next(one.epoch for one in self._state.streams if one.index == stream)
        self._restart(stream, epoch, restart)

    def _give_up(self, stream: int, failure: Failure) -> None:
        """End an input; its stages are closed after the calls that still run."""
        self._metrics.failed(stream, failure)
        self._complete_parts(stream)
        self._state = failures_and_restarts.give_up(self._state, stream)
        self._pool.close(stream)
        self._forget(stream)

    def _complete_parts(self, stream: int) -> None:
        """Let the sinks that live commit what they have of a stream, if its packets do not come again."""
        for epoch in (one.epoch for one in self._state.streams if one.index == stream):
            for index, lane in enumerate(() if self._recovery.replayable else self._lanes):
                if not any(node.role == "sink" for node in lane.nodes):
                    continue
                step = self._pool.complete_part(index, self._jobs[stream], epoch, self._steps_of(index))
                with suppress(PlainError):  # why the stream ends or goes back is known
                    for commit in step.commits if step else ():
                        self._recovery.commit(commit)

    def _steps_of(self, lane: int) -> list[Any]:
        """References of the steps of a lane's running calls."""
        return [step_ref for step_ref, sent in self._calls.items() if sent.call.lane == lane]

    def _forget(self, stream: int) -> None:
        """Drop the packets of a stream that are between lanes."""
        for key in [key for key in self._packets if key[0] == stream]:
            del self._payloads[key], self._packets[key]

    def _failure(self, call: Call, what: str, trace: str) -> Failure:
        job = self._jobs.get(call.stream)
        where = job.name if job else ""
        packet = self._packets.get((call.stream, call.seq)) if call.seq is not None else None
        if packet:
            where = f"{where}, frames {packet.first}..{packet.first + packet.frames - 1}"
        sentence = f"the process of lane '{self._lanes[call.lane].name}' {what}"
        return Failure(what=sentence, where=where, remedy="free some memory, or lower `credits`", trace=trace)

    def _check_starts(self) -> None:
        """Raises PlainError for a lane that does not start in time."""
        now = time.monotonic()
        for sent in self._calls.values():
            if sent.call.kind == "prepare" and now - sent.at > self._start_timeout_s:
                name = self._lanes[sent.call.lane].name
                what = f"lane '{name}' did not start within {self._start_timeout_s:g} s"
                raise PlainError(what, f"lanes.{name}", "lower what it reserves, or raise ray.start_timeout_s")

    def _keep(self) -> Receipts:
        """After an interrupt, every lane saves the partial results of open inputs.

        An input without a partial result keeps its journal, so that it can be resumed. For a dead lane, this process
        saves the partial result; that of a recording at the end of the run.
        """
        for stream in self._state.streams:
            job, kept, lost = self._jobs[stream.index], False, stream.epoch > 0
            self._metrics.streams[stream.index].interrupted = True
            for index, lane in enumerate(self._lanes):
                earlier = self._steps_of(index)
                step = self._pool.interrupt(index, job, stream.epoch, earlier) if lane.ordered else None
                lost = lost or (lane.ordered and step is None)
                if step:
                    kept = kept or bool(step.receipts)
                    self._metrics.step(lane.name, stream.index, step)
                    yield from ((job, receipt) for receipt in step.receipts)
            if kept:
                self._recovery.remove(stream.index)
            elif lost and self._recovery.replayable:
                yield from save_partial_results(self._config, job, self._metrics)
