"""A lane as a Ray actor: the calls of `LaneWorker`, with each payload as a return value of its own."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import Any

from pipeline.configuration.graph import Lane
from pipeline.lane.worker import LaneWorker, Outcome
from pipeline.packet import Packet, Restart, Step
from pipeline.scheduling.schedule import Kind
from pipeline.stage import Job


class LaneActor:
    """One replica of a lane in its own process. Synchronous: one call at a time, in the order of the calls.

    Payloads are return values and are never put into the object store by the actor: return values outlive it.
    """

    def __init__(self, lane: Lane, configs: Mapping[str, Any], threads: int, lenient: bool, folder: str) -> None:
        """Arguments as for `LaneWorker`; `folder` is where relative paths start."""
        with contextlib.suppress(OSError):  # on another machine the folder may be absent; absolute paths still work
            os.chdir(folder)
        self._lane = lane
        self._worker = LaneWorker(lane, configs, threads, lenient=lenient)

    def call(
        self, kind: Kind, job: Job | None, epoch: int, packet: Packet | None, kinds: tuple[type, ...], *payloads: Any
    ) -> Any:
        """Make one call; returns the step, then one payload for each of the lane's exports (None where nothing left).

        Args:
            kind: see `pipeline.scheduling.schedule`.
            job, epoch: the stream.
            packet: what goes in, with `payloads` of the types `kinds`.
        """
        if job is not None:
            job.register_secrets()
        step, made = self._outcome(kind, job, epoch, packet, dict(zip(kinds, payloads, strict=True)))
        exports = self._lane.exports
        return step if not exports else (step, *(made.get(export) for export in exports))

    def _outcome(
        self, kind: Kind, job: Job | None, epoch: int, packet: Packet | None, payloads: dict[type, Any]
    ) -> Outcome:
        if kind == "prepare" or job is None:
            return self._worker.prepare()
        if packet is not None:
            take = self._worker.accept if kind == "accept" else self._worker.replace
            return take(job, packet, payloads)
        calls = {"pull": self._worker.pull, "drain": self._worker.drain, "finish": self._worker.finish}
        return calls[kind](job, epoch)

    def interrupt(self, job: Job, epoch: int) -> Step:
        """See `LaneWorker.interrupt`."""
        return self._worker.interrupt(job, epoch)[0]

    def complete_part(self, job: Job, epoch: int) -> Step:
        """See `LaneWorker.complete_part`."""
        return self._worker.complete_part(job, epoch)[0]

    def restart(self, stream: int, epoch: int, restart: Restart) -> None:
        """See `LaneWorker.restart`."""
        self._worker.restart(stream, epoch, restart)

    def close(self, stream: int) -> None:
        """Close a stream that was given up."""
        self._worker.close(stream)

    def shutdown(self) -> dict[str, Any]:
        """Close every stage; returns the facts of stages that all streams share."""
        return self._worker.shutdown()
