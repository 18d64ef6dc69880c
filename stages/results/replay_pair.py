"""Source of comparisons without the network: two saved exports, one after the other, as one stream."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.stage import Job, Stage
from stages.payloads import FrameChunk, People, Surfaces
from stages.results.replay import Replay
from stages.video.decode_pair import both_inputs, chunk_of_pair


class ReplayPair(Stage):
    """`replay` for both inputs, one after the other, numbered as `decode_pair` does."""

    Config = Replay.Config  # type: ignore[assignment]  # a stage's own `Config` replaces that of its base

    def __call__(self, job: Job) -> Iterator[tuple[FrameChunk, People, Surfaces]]:
        """Frames, people and surfaces of `job.input`, then of `job.partner`. Raises StageError as `Replay`."""
        for number, one in enumerate(both_inputs(job)):
            for frames, people, surfaces in Replay(self.config, threads=self.threads)(one):
                yield chunk_of_pair(frames, number), people, surfaces
