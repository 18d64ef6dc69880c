"""The beginning of a tail: what the shards of a video found, in place of the network that found it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.stage import Job, Stage, StageError
from stages.payloads import FrameChunk, People, Surfaces
from stages.results.shelf import Shelf


class Recall(Stage):
    """Frames in, their people and surfaces out, from the shards of their video."""

    ordered = True

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Attributes:
        shards: the files of all inputs, by the input's path: (first frame, file), ascending.
        """

        shards: dict[str, tuple[tuple[int, str], ...]] = field(default_factory=dict)

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """A tail begins: no shard is open."""
        super().__init__(config, threads=threads)
        self._shelf: Shelf | None = None
        self._open = -1

    def __call__(self, job: Job, frames: FrameChunk) -> Iterator[tuple[People, Surfaces]]:
        """The chunk's people and surfaces. Raises StageError where its shard is missing or was cut otherwise."""
        shards = self.config.shards.get(job.input, ())
        position = bisect_right(shards, frames.first, key=lambda shard: shard[0]) - 1
        if position < 0:
            raise StageError(f"no shard holds frame {frames.first}", job.input, "run the batch again")
        if self._shelf is None or position != self._open:
            self.close()
            self._shelf, self._open = Shelf(Path(shards[position][1])), position
        people, surfaces = self._shelf.packet(frames.first)
        yield people, surfaces

    def state(self) -> bytes:
        """Nothing: each chunk's own frame number says where its people are."""
        return b""

    def restore(self, state: bytes) -> None:
        """Nothing to take up."""

    def close(self) -> None:
        """Release the shard."""
        if self._shelf is not None:
            self._shelf.close()
            self._shelf = None
