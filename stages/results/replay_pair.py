"""Source of comparisons without the network: two saved exports, one after the other, as one stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pipeline.stage import Job, Stage
from stages.payloads import FrameChunk, People, Surfaces
from stages.results.replay import BLACK, Replay
from stages.video.decode_pair import GAP, both_inputs


class ReplayPair(Stage):
    """`replay` for both inputs, one after the other, numbered as `decode_pair` does."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config(Replay.Config):
        """As `Replay.Config`, for both inputs; a comparison does not need the frames themselves."""

        video: str | None = BLACK

    def __call__(self, job: Job) -> Iterator[tuple[FrameChunk, People, Surfaces]]:
        """Frames, people and surfaces of `job.input`, then of `job.partner`. Raises StageError as `Replay`."""
        for number, one in enumerate(both_inputs(job)):
            for frames, people, surfaces in Replay(self.config, threads=self.threads)(one):
                yield replace(frames, first=frames.first + number * GAP), people, surfaces
