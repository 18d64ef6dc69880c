"""A lane as a Ray actor: the worker's calls, with payloads as return values of their own."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import Any

from pipeline.graph import Lane
from pipeline.packet import Packet, Restart, Step
from pipeline.schedule import Kind
from pipeline.stage import Job
from pipeline.worker import LaneWorker, Outcome


class LaneActor:
    """One replica of a lane in a process of its own. Synchronous: one call at a time, in the order they were made.

    Payloads are return values, never put into the store from inside: what an actor returned outlives it.
    """

    def __init__(self, lane: Lane, configs: Mapping[str, Any], threads: int, lenient: bool, folder: str) -> None:
        """Arguments as `LaneWorker`, and the folder that relative paths start from."""
        with contextlib.suppress(OSError):  # on another machine the folder may be absent, and whole paths still work
            os.chdir(folder)
        self._lane = lane
        self._worker = LaneWorker(lane, configs, threads, lenient=lenient)

    def call(
        self, kind: Kind, job: Job | None, epoch: int, packet: Packet | None, kinds: tuple[type, ...], *payloads: Any
    ) -> Any:
        """Make one call; returns the step, then one payload for each of the lane's exports (None where nothing left).

        Args:
            kind: see `pipeline.schedule`.
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

    def restart(self, stream: int, epoch: int, restart: Restart) -> None:
        """See `LaneWorker.restart`."""
        self._worker.restart(stream, epoch, restart)

    def close(self, stream: int) -> None:
        """Forget a stream that was given up."""
        self._worker.close(stream)

    def shutdown(self) -> dict[str, Any]:
        """Close every stage; returns the facts of those that all streams share."""
        return self._worker.shutdown()
