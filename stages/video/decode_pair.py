"""The source stage of comparisons: the frames of one input, then those of a second one, as one stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from pipeline.stage import Job, Stage, StageError
from stages.payloads import FrameChunk
from stages.video.decode import Decode

GAP = 1 << 40
"""The frames of the second input are numbered from here on."""


class DecodePair(Stage):
    """`decode` for both inputs, one after the other; `FrameChunk.video` names the input of a chunk."""

    Config = Decode.Config  # type: ignore[assignment]  # a stage's own `Config` replaces that of its base

    def __init__(self, config: Decode.Config, *, threads: int = 1) -> None:
        super().__init__(config, threads=threads)
        self._decoders: list[Decode] = []

    def __call__(self, job: Job) -> Iterator[FrameChunk]:
        """The frames of `job.input`, then of `job.partner`. Raises StageError without a partner, or as `Decode`."""
        for number, one in enumerate(both_inputs(job)):
            decoder = Decode(self.config, threads=self.threads)
            self._decoders.append(decoder)
            for chunk in decoder(one):
                yield chunk_of_pair(chunk, number)

    def summary(self) -> Mapping[str, Any]:
        """As `Decode.summary`: the counts of both are added, their warnings joined."""
        both = [decoder.summary() for decoder in self._decoders]
        names = ("frames_in", "repaired_pts", "dropped")
        return {
            **{name: sum(one[name] for one in both) for name in names},
            "truncated": any(one["truncated"] for one in both),
            "warnings": [warning for one in both for warning in one["warnings"]],
        }

    def close(self) -> None:
        """Close the files."""
        for decoder in self._decoders:
            decoder.close()


def chunk_of_pair(chunk: FrameChunk, number: int) -> FrameChunk:
    """A chunk of the first (0) or second (1) input as a part of the one stream: the second input starts a shot."""
    if not number:
        return chunk
    starts_T = np.zeros(len(chunk), bool) if chunk.starts_shot_T is None else chunk.starts_shot_T.copy()
    starts_T[0] |= chunk.first == 0
    return replace(chunk, first=chunk.first + GAP, starts_shot_T=starts_T)


def both_inputs(job: Job) -> tuple[Job, Job]:
    """Split a job with two inputs into two jobs. Raises StageError for a job with one input."""
    if job.partner is None:
        raise StageError("a comparison needs two inputs and this is the only one", job.input, "name two videos")
    return job, replace(job, input=job.partner)
