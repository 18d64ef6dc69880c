"""Sink of a shard's graph: writes people and surfaces of its frames to a file, which the tail of the video reads."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.stage import Job, Stage, StageError
from stages.payloads import FrameChunk, People, Surfaces, Written
from stages.results.shard_file import ShardWriter


class WriteShards(Stage):
    """Writes people and surfaces to `job.output`. The file appears under that name only when it is complete."""

    ordered = True

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Nothing to set."""

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """A new shard; the file is created with the first packet."""
        super().__init__(config, threads=threads)
        self._draft: Path | None = None
        self._writer: ShardWriter | None = None
        self._job: Job | None = None
        self._frames = 0

    def __call__(self, job: Job, frames: FrameChunk, people: People, surfaces: Surfaces) -> Iterator[Written]:
        """Write one packet; yields nothing. Raises StageError if it cannot be written."""
        try:
            self._open(job).add(frames.first, (people, surfaces))
        except OSError as error:
            raise _write_error(job, error) from error
        self._frames += len(frames)
        return iter(())

    def flush(self) -> Iterator[Written]:
        """Rename the draft to its final name. A shard without frames leaves no file."""
        if self._writer is None or self._draft is None or self._job is None:
            return
        assert self._job.output is not None
        try:
            self._writer.close()
            os.replace(self._draft, self._job.output)
        except OSError as error:
            raise _write_error(self._job, error) from error
        yield Written(path=self._job.output, frames=self._frames)

    def close(self) -> None:
        """Remove an unfinished draft."""
        if self._draft is not None:
            self._draft.unlink(missing_ok=True)

    def _open(self, job: Job) -> ShardWriter:
        if self._writer is None:
            if job.output is None:
                raise StageError("a shard needs an output file", job.input, "run it through -c batch")
            self._job = job
            self._draft = Path(f"{job.output}.{os.getpid()}-{secrets.token_hex(4)}.draft")
            self._draft.parent.mkdir(parents=True, exist_ok=True)
            self._writer = ShardWriter(self._draft)
        return self._writer


def _write_error(job: Job, error: OSError) -> StageError:
    what = f"the shard cannot be written ({error.strerror or error})"
    return StageError(what, job.output or "", "free some space, or name another folder with -o")
