"""Reads people and surfaces from the shards of a video: the tail of a batch uses it in place of the network."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.stage import Job, Stage, StageError
from stages.payloads import FrameChunk, People, Surfaces
from stages.results.shard_file import ShardReader


class ReadShards(Stage):
    """Maps frames to their people and surfaces, which it reads from the shards of their video."""

    ordered = True

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Attributes:
        shards: for each input path its shards as (first frame, file), by ascending first frame.
        """

        shards: dict[str, tuple[tuple[int, str], ...]] = field(default_factory=dict)

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """A new tail; no shard is open."""
        super().__init__(config, threads=threads)
        self._shard: ShardReader | None = None
        self._open = -1

    def __call__(self, job: Job, frames: FrameChunk) -> Iterator[tuple[People, Surfaces]]:
        """The chunk's people and surfaces.

        Raises StageError if no shard holds the chunk, or if the shard was written with other chunk lengths.
        """
        shards = self.config.shards.get(job.input, ())
        position = bisect_right(shards, frames.first, key=lambda shard: shard[0]) - 1
        if position < 0:
            raise StageError(f"no shard holds frame {frames.first}", job.input, "run the batch again")
        if self._shard is None or position != self._open:
            self.close()
            self._shard, self._open = ShardReader(Path(shards[position][1])), position
        people, surfaces = self._shard.packet(frames.first)
        yield people, surfaces

    def state(self) -> bytes:
        """Empty: the frame number of each chunk is enough to find its people."""
        return b""

    def restore(self, state: bytes) -> None:
        """There is no state to restore."""

    def close(self) -> None:
        """Close the open shard."""
        if self._shard is not None:
            self._shard.close()
            self._shard = None
