"""The state of one stream in a lane: its stages, the packets that wait to leave, and its progress."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from pipeline.lane.slot import Entry, Slot
from pipeline.packet import Restart
from pipeline.stage import Job


class OpenStream:
    """One stream in a lane: its stages, in order, and the packets that wait to leave."""

    def __init__(self, job: Job, epoch: int, slots: list[Slot], restart: Restart) -> None:
        self.job = job
        self.epoch = epoch
        self.slots = slots
        self.restart = restart
        self.pending: deque[Entry] = deque()
        self.waiting: dict[int, tuple[int, dict[type, Any]]] = {}
        self.passed = 0
        self.accepted = restart.packets
        self.frames = restart.frames
        self.items: Iterator[Any] | None = None
        self.ended = False
        self.dry = False

    @property
    def continued(self) -> bool:
        """Whether the stream began before, in a process of this run that died or in an earlier run."""
        return self.epoch > 0 or self.job.resume

    @property
    def nothing_new(self) -> bool:
        """Whether the stream was resumed after committed packets and no packet has come since."""
        return 0 < self.accepted == self.restart.packets


def summary_of(stream: OpenStream) -> dict[str, Any]:
    """Facts of the stream's own stages for the report; lists of several stages (`warnings`) are joined."""
    facts: dict[str, Any] = {}
    for slot in stream.slots:
        if slot.node.sequential:
            for key, value in slot.summary(stream.job).items():
                known = facts.get(key)
                facts[key] = [*known, *value] if isinstance(known, list) and isinstance(value, list) else value
    return facts
