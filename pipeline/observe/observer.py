"""What an observer of a run gets: steps, deaths of processes, and records of the inputs of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pipeline.packet import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerDeath:
    """The death of a worker of a batch.

    Attributes:
        node, process: where it ran, and its process number; "" and None if it never started.
        input: what it worked on.
        again: whether another worker tries that once more.
    """

    node: str
    process: int | None
    input: str
    again: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """How an input of a batch ended.

    Attributes:
        stream: its number.
        input, output: its path, and that of its result; None without a result.
        state: see `StreamTally.state`.
        frames: frames of the result.
        seconds: of work on it, added over workers.
        node: the machines that worked on it.
        worker: the worker that ended it, as `NODE:PROCESS`; "" if all died.
        restarts: how often a worker died while it worked on it.
        warnings: of its stages.
        error: why it failed.
    """

    stream: int
    input: str
    output: str | None
    state: str
    frames: int
    seconds: float
    node: str
    worker: str
    restarts: int
    warnings: tuple[str, ...] = ()
    error: str | None = None


class Observer(Protocol):
    """An observer of a run: it gets every step, restart and record, in the order in which they become known."""

    def step(self, lane: str, stream: int, step: Step) -> None:
        """The result of one call of a lane on a stream."""
        ...

    def restarted(self, lane: str, death: WorkerDeath | None) -> None:
        """A process of a lane died; `death`: of a worker of a batch."""
        ...

    def recorded(self, record: FileRecord) -> None:
        """An input of a batch ended."""
        ...
