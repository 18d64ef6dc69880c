"""Results for other programs: every kind of export that is asked for, written as frames pass."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pipeline.stage import Job, Stage
from stages.payloads import FrameChunk, Overlay, People, Surfaces
from stages.results.formats.kinds import KINDS
from stages.results.formats.moment import Moment, moments_of
from stages.results.formats.writer import Standing, Target, Writer
from stages.video.decoding.paths_and_urls import is_url


class Exporter(Stage):
    """What both export stages do: open a writer for each kind asked for, and hand it every frame of an input."""

    ordered = True
    memory_frames = None

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Attributes:
        to: path by kind, e.g. `{iuv: frames/, csv: people.csv}`; none by default. docs/formats.md has the kinds.
        segment_frames: frames in a segment of an exported film; `encode.segment_frames`, so that a run can go on.
        threads: of an exported film's encoder; part of what decides its bytes.
        """

        to: dict[str, str] = field(default_factory=dict)
        segment_frames: int = 120
        threads: int = 2
        raw: ClassVar[bool] = False

        def __post_init__(self) -> None:
            """Raises ValueError for an unknown kind or a number out of range."""
            for kind, path in self.to.items():
                known = [name for name, each in KINDS.items() if each.raw == self.raw]
                if kind not in known:
                    near = difflib.get_close_matches(kind, known, n=1)
                    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
                    raise ValueError(f"there is no export of kind {kind!r}; {hint}")
                if not path:
                    raise ValueError(f"the export {kind!r} needs a path")
                if is_url(path):
                    raise ValueError(f"the export {kind!r} needs a file or folder of this machine, and no address")
            if len({os.path.abspath(path) for path in self.to.values()}) < len(self.to):
                raise ValueError("two exports have the same path; give each one of its own")
            if self.segment_frames < 1 or self.threads < 1:
                raise ValueError("segment_frames and threads must be 1 or more")

    @classmethod
    def check(cls, config: Config, job: Job) -> None:
        """Raises StageError for a path that a kind of export, or this input, cannot have."""
        for kind, path in config.to.items():
            KINDS[kind].begin(target_of(config, kind, path, job)).check()

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """An input begins: nothing is open."""
        super().__init__(config, threads=threads)
        self._writers: list[Writer] = []
        self._opened = False
        self._restored: list[dict[str, Any]] = []
        self._warnings: list[str] = []

    def flush(self) -> Iterator[Any]:
        """The input is over: what is whole gets its name."""
        for writer in self._writers:
            self._warnings += writer.finish()
        return iter(())

    def interrupt(self) -> Iterator[Any]:
        """The run stops early: what is there is kept."""
        for writer in self._writers:
            writer.interrupt()
        return iter(())

    def state(self) -> bytes:
        """Where each writer is."""
        return json.dumps([writer.state() for writer in self._writers]).encode()

    def restore(self, state: bytes) -> None:
        """Take up what `state` gave, once the writers are open."""
        self._restored = json.loads(state) if state else []

    def reopen(self, job: Job) -> None:
        """Open what was restored, so that it gets its name."""
        self._write(job, iter(()))
        for writer in self._writers:
            writer.reopen()

    def summary(self) -> Mapping[str, Any]:
        """`exports`: path by kind; `warnings`."""
        return {"exports": dict(self.config.to), "warnings": self._warnings} if self.config.to else {}

    def close(self) -> None:
        """Release what is open; what is not whole is removed."""
        for writer in self._writers:
            writer.close()

    def _write(self, job: Job, moments: Iterator[Moment]) -> None:
        if not self.config.to:
            return
        if not self._opened:
            self._opened = True
            for kind, path in self.config.to.items():
                self._open(kind, path, job)
        for moment in moments:
            for writer in self._writers:
                writer.add(moment)

    def _open(self, kind: str, path: str, job: Job) -> None:
        writer = KINDS[kind].begin(target_of(self.config, kind, path, job))
        if self._restored:
            state = self._restored[len(self._writers)]
            if writer.stands():
                writer = Standing(state)
            writer.restore(state)
        self._writers.append(writer)


def target_of(config: Exporter.Config, kind: str, path: str, job: Job) -> Target:
    """Where an export of an input goes."""
    return Target(kind=kind, path=path, job=job, segment_frames=config.segment_frames, threads=config.threads)


class ExportRaw(Exporter):
    """The network's own result: stands before tracking and smoothing."""

    exports: ClassVar[Mapping[str, str]] = {name: f"to.{name}" for name, kind in KINDS.items() if kind.raw}

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config(Exporter.Config):
        """As `Exporter.Config`, for the kinds that are raw."""

        raw: ClassVar[bool] = True

    def __call__(self, job: Job, frames: FrameChunk, people: People, surfaces: Surfaces) -> None:
        """Write a packet's frames. Raises StageError where they cannot be written."""
        self._write(job, moments_of(job, frames, people, surfaces, None))


class Export(Exporter):
    """What is shown: stands after smoothing, and after rendering where there is any."""

    exports: ClassVar[Mapping[str, str]] = {name: f"to.{name}" for name, kind in KINDS.items() if not kind.raw}

    def __call__(
        self, job: Job, frames: FrameChunk, people: People, surfaces: Surfaces, overlay: Overlay | None
    ) -> None:
        """Write a packet's frames. Raises StageError where they cannot be written."""
        self._write(job, moments_of(job, frames, people, surfaces, overlay))
