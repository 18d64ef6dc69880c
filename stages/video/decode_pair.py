"""The source of comparisons: the frames of one input, then those of another, as one stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pipeline.stage import Job, Stage, StageError
from stages.payloads import FrameChunk
from stages.video.decode import Decode

GAP = 1 << 40
"""Frame numbers left out between the two: what follows people over time forgets them."""


class DecodePair(Stage):
    """`decode` for both inputs, one after the other; `FrameChunk.video` says whose a chunk is."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config(Decode.Config):
        """As `Decode.Config`, for both."""

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        super().__init__(config, threads=threads)
        self._decoders: list[Decode] = []

    def __call__(self, job: Job) -> Iterator[FrameChunk]:
        """The frames of `job.input`, then of `job.partner`. Raises StageError where there is none, or as `Decode`."""
        for number, one in enumerate(both_inputs(job)):
            decoder = Decode(self.config, threads=self.threads)
            self._decoders.append(decoder)
            for chunk in decoder(one):
                yield replace(chunk, first=chunk.first + number * GAP)

    def summary(self) -> Mapping[str, Any]:
        """As `Decode.summary`, of both: numbers added, sentences joined."""
        both = [decoder.summary() for decoder in self._decoders]
        names = ("frames_in", "repaired_pts", "dropped")
        return {
            **{name: sum(one[name] for one in both) for name in names},
            "truncated": any(one["truncated"] for one in both),
            "warnings": [sentence for one in both for sentence in one["warnings"]],
        }

    def close(self) -> None:
        """Release the files."""
        for decoder in self._decoders:
            decoder.close()


def both_inputs(job: Job) -> tuple[Job, Job]:
    """A job of two inputs as two. Raises StageError where there is one."""
    if job.partner is None:
        raise StageError("there is nothing to compare it with", job.input, "name two videos")
    return job, replace(job, input=job.partner)
