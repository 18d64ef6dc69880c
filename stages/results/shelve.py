"""The end of a shard's graph: what was found in its frames, kept for the tail of its video."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.stage import Job, Stage, StageError
from stages.payloads import FrameChunk, People, Surfaces, Written
from stages.results.shelf import ShelfWriter


class Shelve(Stage):
    """People and surfaces to `job.output`, a file that is whole or not there."""

    ordered = True
    memory_frames = None

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Nothing to set."""

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """A shard begins: nothing was found."""
        super().__init__(config, threads=threads)
        self._draft: Path | None = None
        self._writer: ShelfWriter | None = None
        self._job: Job | None = None
        self._frames = 0

    def __call__(self, job: Job, frames: FrameChunk, people: People, surfaces: Surfaces) -> Iterator[Written]:
        """Keep one packet. Raises StageError where it cannot be written."""
        try:
            self._begin(job).add(frames.first, (people, surfaces))
        except OSError as error:
            raise _unwritten(job, error) from error
        self._frames += len(frames)
        return iter(())

    def flush(self) -> Iterator[Written]:
        """The shard gets its name; one without frames leaves no file."""
        if self._writer is None or self._draft is None or self._job is None:
            return
        assert self._job.output is not None
        try:
            self._writer.close()
            os.replace(self._draft, self._job.output)
        except OSError as error:
            raise _unwritten(self._job, error) from error
        yield Written(path=self._job.output, frames=self._frames)

    def close(self) -> None:
        """Remove what is not whole."""
        if self._draft is not None:
            self._draft.unlink(missing_ok=True)

    def _begin(self, job: Job) -> ShelfWriter:
        if self._writer is None:
            if job.output is None:
                raise StageError("a shard has no file to go to", job.input, "run it through -c batch")
            self._job = job
            self._draft = Path(f"{job.output}.{os.getpid()}-{secrets.token_hex(4)}.draft")
            self._draft.parent.mkdir(parents=True, exist_ok=True)
            self._writer = ShelfWriter(self._draft)
        return self._writer


def _unwritten(job: Job, error: OSError) -> StageError:
    what = f"the shard cannot be written ({error.strerror or error})"
    return StageError(what, job.output or "", "free some space, or name another folder with -o")
