"""Exports: every requested kind is written as frames pass."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from models.nearest_name import suggest_name
from pipeline.stage import ExportFiles, Job, Stage, StageError
from stages.payloads import Bodies, FrameChunk, Overlay, People, Surfaces
from stages.results.formats.frame_result import FrameResult, frame_results
from stages.results.formats.image_plane_angles import IN_THE_IMAGE_PLANE
from stages.results.formats.kinds import KINDS
from stages.results.formats.writer import (
    BodySettings,
    CsvSettings,
    EventSettings,
    ExportTarget,
    ExportWriter,
    FinishedExport,
    MaskSettings,
)
from stages.video.decoding.paths_and_urls import is_url

VERTICES_KB, MESH_KB = 165, 1700
"""Size of a person's vertices in an npz, and of a person's OBJ."""
ENCODER_THREADS = 2
"""Threads of an exported video's encoder: the encoded bytes depend on it, so it does not follow the machine."""


class Exporter(Stage):
    """The common part of both export stages: opens a writer for each requested kind, and adds every frame to it."""

    ordered = True
    optional_stages = ("fit",)

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Attributes:
        to: path by kind, e.g. `{iuv: frames/, csv: people.csv}`; none by default. docs/formats.md lists the kinds.
        segment_frames: frames per segment of an exported video; `encode.segment_frames`, so that a run can be
            resumed.
        bodies: what `bodies` and `mesh` hold.
        csv: what `csv` holds.
        masks: what `masks` holds.
        events: how `events` are found.
        playable: beside each lossless video of images, such as `condition.mp4`, also write
            `condition.playable.mp4` in H.264 4:2:0, which browsers, phones and editors play; its colours are not exact.
        """

        to: dict[str, str] = field(default_factory=dict)
        segment_frames: int = 120
        bodies: BodySettings = field(default_factory=BodySettings)
        csv: CsvSettings = field(default_factory=CsvSettings)
        masks: MaskSettings = field(default_factory=MaskSettings)
        events: EventSettings = field(default_factory=EventSettings)
        playable: bool = True
        raw: ClassVar[bool] = False

        def __post_init__(self) -> None:
            """Raises ValueError for an unknown kind or a number out of range."""
            for kind, path in self.to.items():
                known = [name for name, each in KINDS.items() if each.raw == self.raw]
                if kind not in known:
                    raise ValueError(f"there is no export of kind {kind!r}; {suggest_name(kind, known)}")
                if not path:
                    raise ValueError(f"the export {kind!r} needs a path")
                if is_url(path):
                    raise ValueError(f"the export {kind!r} needs a local file or folder, not a URL")
            if len({os.path.abspath(path) for path in self.to.values()}) < len(self.to):
                raise ValueError("two exports have the same path; give each export its own path")
            if self.segment_frames < 1:
                raise ValueError("segment_frames must be 1 or more")
            given = (
                ("bodies.vertices", self.bodies.vertices, "bodies", "FOLDER"),
                ("bodies.atlas", self.bodies.atlas is not None, "mesh", "FOLDER"),
                ("csv.angles", self.csv != CsvSettings(), "csv", "FILE"),
                ("masks.of", self.masks != MaskSettings(), "masks", "PATH"),
                ("events.tilt_deg", self.events != EventSettings(), "events", "FILE"),
            )
            for key, is_given, kind, path in () if self.raw else given:
                if is_given and kind not in self.to:
                    raise ValueError(f"{key} is for the export {kind!r} alone; add --export {kind}={path}")

    @classmethod
    def needs(cls, config: Config) -> Sequence[str]:
        """`fit` where a kind is written from fitted bodies."""
        with_angles = "csv" in config.to and config.csv.angles == "body"
        return ("fit",) if with_angles or any(KINDS[kind].fitted for kind in config.to) else ()

    @classmethod
    def announce(cls, config: Config) -> Sequence[str]:
        """The size of files that are large for each person and frame, and angles that are not those of joints."""
        sizes = {"bodies": VERTICES_KB if config.bodies.vertices else 0, "mesh": MESH_KB}
        angles = [f"export csv: {IN_THE_IMAGE_PLANE}; leave csv.angles out for those of the joints"]
        return [
            f"export {kind}: about {sizes[kind]} kB a person and frame, {sizes[kind] * 1800 / 1e6:.1f} GB a minute of"
            f" one person at 30 frames per second"
            for kind in config.to
            if sizes.get(kind)
        ] + (angles if config.csv.angles == "image_plane" else [])

    @classmethod
    def check(cls, config: Config, job: Job) -> None:
        """Raises StageError for a path that does not suit the kind of export or this input."""
        for kind, path in config.to.items():
            KINDS[kind].begin(target_of(config, kind, path, job)).check()

    @classmethod
    def export_files(cls, config: Config, job: Job) -> Sequence[ExportFiles]:
        """The files of each kind; none of a kind whose path does not suit it, which `check` refuses."""
        found = []
        for kind, path in config.to.items():
            with suppress(StageError):
                writer = KINDS[kind].begin(target_of(config, kind, path, replace(job, overwrite=True)))
                folder = str(writer.output_path.parent)
                found.append(ExportFiles(option=f"--export {kind}={path}", folder=folder, names=writer.names))
        return found

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """A new input; no writer is open."""
        super().__init__(config, threads=threads)
        self._writers: list[ExportWriter] = []
        self._is_open = False
        self._restored: list[dict[str, Any]] = []
        self._warnings: list[str] = []

    def new_events(self) -> Sequence[Mapping[str, Any]]:
        """What the writers noticed."""
        return [one for writer in self._writers for one in writer.new_events()]

    def flush(self) -> Iterator[Any]:
        """The input has ended: rename complete files."""
        for writer in self._writers:
            self._warnings += writer.finish()
        return iter(())

    def interrupt(self) -> Iterator[Any]:
        """The run stops early: keep the part that is written."""
        for writer in self._writers:
            writer.interrupt()
        return iter(())

    def state(self) -> bytes:
        """The state of each writer."""
        return json.dumps([writer.state() for writer in self._writers]).encode()

    def restore(self, state: bytes) -> None:
        """Keep the state until the writers are open."""
        self._restored = json.loads(state) if state else []

    def reopen(self, job: Job) -> None:
        """Open the restored writers, so that they can finish their files."""
        self._write(job, iter(()))
        for writer in self._writers:
            writer.reopen()

    def summary(self) -> Mapping[str, Any]:
        """`exports`: path by kind; `warnings`."""
        return {"exports": dict(self.config.to), "warnings": self._warnings} if self.config.to else {}

    def close(self) -> None:
        """Release open files; remove incomplete ones."""
        for writer in self._writers:
            writer.close()

    def _write(self, job: Job, results: Iterator[FrameResult]) -> None:
        if not self.config.to:
            return
        if not self._is_open:
            self._is_open = True
            for kind, path in self.config.to.items():
                self._open(kind, path, job)
        for result in results:
            for writer in self._writers:
                writer.add(result)

    def _open(self, kind: str, path: str, job: Job) -> None:
        writer = KINDS[kind].begin(target_of(self.config, kind, path, job))
        if self._restored:
            state = self._restored[len(self._writers)]
            if writer.is_finished():
                writer = FinishedExport(state)
            writer.restore(state)
        self._writers.append(writer)


def target_of(config: Exporter.Config, kind: str, path: str, job: Job) -> ExportTarget:
    """The target of an export of an input."""
    return ExportTarget(
        kind=kind,
        path=path,
        job=job,
        segment_frames=config.segment_frames,
        threads=ENCODER_THREADS,
        bodies=config.bodies,
        csv=config.csv,
        masks=config.masks,
        events=config.events,
        playable=config.playable,
    )


class ExportRaw(Exporter):
    """Exports of the network's own results: placed before tracking and smoothing."""

    exports: ClassVar[Mapping[str, str]] = {name: f"to.{name}" for name, kind in KINDS.items() if kind.raw}

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config(Exporter.Config):
        """As `Exporter.Config`, for the raw kinds."""

        raw: ClassVar[bool] = True

    def __call__(self, job: Job, frames: FrameChunk, people: People, surfaces: Surfaces) -> None:
        """Write a packet's frames. Raises StageError if they cannot be written."""
        self._write(job, frame_results(job, frames, people, surfaces, None))


class Export(Exporter):
    """Exports of final results: placed after smoothing, and after rendering if anything renders."""

    exports: ClassVar[Mapping[str, str]] = {name: f"to.{name}" for name, kind in KINDS.items() if not kind.raw}

    def __call__(
        self,
        job: Job,
        frames: FrameChunk,
        people: People,
        surfaces: Surfaces,
        overlay: Overlay | None,
        bodies: Bodies | None = None,
    ) -> None:
        """Write a packet's frames. Raises StageError if they cannot be written."""
        self._write(job, frame_results(job, frames, people, surfaces, overlay, bodies))
