"""Writers of exports: their common interface, and the simplest one, a file per frame."""

from __future__ import annotations

import glob
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from models.files.atomic_file import atomic_write, remove_stale_drafts
from models.files.stated_text import WITH_TEXT
from pipeline.stage import Job, StageError, closed_folder, fitting_name
from stages.drawing.part_groups import charts_of
from stages.results.formats.frame_result import FrameResult


@dataclass(frozen=True, slots=True, kw_only=True)
class BodySettings:
    """What exports of fitted bodies hold.

    Attributes:
        vertices: whether `bodies` holds all vertices.
        atlas: the texture of `mesh`: an image of 24 tiles, as `-c unwrap` writes it; None = no texture.
    """

    vertices: bool = False
    atlas: str | None = None


CsvAngles = Literal["body", "image_plane", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvSettings:
    """What `csv` holds.

    Attributes:
        angles: `body`: the joint angles of the fitted bodies, in space; `image_plane`: between the limbs as the picture
            shows them; `none`: no angles, and nothing is fitted for them.
    """

    angles: CsvAngles = "body"


WHOLE_PEOPLE = "people"
STEEPEST_DEG = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskSettings:
    """What `masks` holds.

    Attributes:
        of: `people`, or a part's name as in `render.only`: `clothes`, `shirt`, `head`, `left` ...
    """

    of: str = WHOLE_PEOPLE

    def __post_init__(self) -> None:
        """Raises ValueError for an unknown part, with the nearest."""
        if self.of != WHOLE_PEOPLE:
            charts_of([self.of])


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSettings:
    """How `events` are found.

    Attributes:
        tilt_deg: by how much the camera looks down, degrees (−80..80); it is not rolled.
    """

    tilt_deg: float = 0.0

    def __post_init__(self) -> None:
        """Raises ValueError for an angle out of range."""
        if not abs(self.tilt_deg) <= STEEPEST_DEG:
            raise ValueError(f"tilt_deg is {self.tilt_deg}, must be from -{STEEPEST_DEG} to {STEEPEST_DEG}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportTarget:
    """Where an export of one input goes.

    Attributes:
        kind: its name on the command line.
        path: the path that the user named.
        job: the input.
        segment_frames, threads: of videos, see `Export.Config`.
        bodies: of exports of fitted bodies.
        csv: of tables of people.
        masks: of masks.
        events: of tables of events.
        playable: whether a lossless video gets a playable one beside it.
    """

    kind: str
    path: str
    job: Job
    segment_frames: int
    threads: int
    bodies: BodySettings = field(default_factory=BodySettings)
    csv: CsvSettings = field(default_factory=CsvSettings)
    masks: MaskSettings = field(default_factory=MaskSettings)
    events: EventSettings = field(default_factory=EventSettings)
    playable: bool = False

    def may_overwrite(self) -> bool:
        """Whether existing files may be overwritten; a resumed run finds those of its own first part."""
        return self.job.overwrite if self.job.renews_exports is None else self.job.renews_exports

    def folder(self) -> Path:
        """The folder of an input's files: a folder of its own if there are several inputs."""
        return Path(self.path) / fitting_name(self.job.stem, "") if self.job.several else Path(self.path)

    def file(self, suffixes: tuple[str, ...]) -> str:
        """The one file of an input: as named, or under the input's name in the named folder.

        Raises StageError for another suffix than `suffixes`, or one file for several inputs.
        """
        path = Path(self.path)
        if self.path.endswith(("/", os.sep)) or path.is_dir() or not path.suffix:
            return str(path / fitting_name(self.job.stem, suffixes[0]))
        if path.suffix.lower() not in suffixes:
            what = f'the export "{self.kind}" cannot be written as "{path.suffix}"'
            raise StageError(what, self.path, f"use {' or '.join(suffixes)}, or name a folder")
        if self.job.several:
            raise StageError("several inputs cannot go to one file", self.path, "name a folder")
        if self.job.output and path.absolute() == Path(self.job.output).absolute():
            raise StageError("the result itself goes there", self.path, "name another file")
        return self.path


REMEDY = "give a folder that can be written to, with room for the files"


class ExportWriter(ABC):
    """One export of one input: frames in, files out."""

    output_path: Path
    """The file to write, or one in the folder of those to write."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the files that it writes in that folder, as patterns of `fnmatch`."""
        return (glob.escape(self.output_path.name),)

    @abstractmethod
    def add(self, result: FrameResult) -> None:
        """Add the next frame. Raises StageError if it cannot be written."""

    @abstractmethod
    def finish(self) -> list[str]:
        """The input has ended: rename complete files. Returns warnings for the user."""

    @abstractmethod
    def interrupt(self) -> None:
        """The run stops early: keep what is written, a single file under a name that marks it as partial."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """What a restart from here needs; files that it relies on are on the disk when this returns."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """Continue from `state`; called before the first frame. Raises StageError if its files are missing."""

    @abstractmethod
    def close(self) -> None:
        """Release files; called once, also after a failure."""

    def check(self) -> None:
        """Raises StageError if it is clear in advance that the export cannot be written."""
        folder = str(self.output_path.parent)
        if reason := closed_folder(folder):
            raise StageError(f"the export cannot be written ({reason})", str(self.output_path), REMEDY)

    def new_events(self) -> list[dict[str, Any]]:
        """What was noticed since the last call, for the run's log (`Stage.new_events`)."""
        return []

    def reopen(self) -> None:  # noqa: B027 - most writers know all they need from their state
        """No frame follows the restored ones: read from the disk what a frame would have provided; `finish` is next."""

    def is_finished(self) -> bool:
        """True if a run that was interrupted had finished this export already."""
        return False


class FinishedExport(ExportWriter):
    """An export that was finished before the run was interrupted: repeated frames change nothing."""

    def __init__(self, state: dict[str, Any]) -> None:
        self._state = state

    def add(self, result: FrameResult) -> None:
        """The frame is in the file."""

    def finish(self) -> list[str]:
        """The file has its final name."""
        return []

    def interrupt(self) -> None:
        """The file has its final name."""

    def state(self) -> dict[str, Any]:
        """Unchanged."""
        return self._state

    def restore(self, state: dict[str, Any]) -> None:
        """Unchanged."""
        self._state = state

    def close(self) -> None:
        """Nothing is open."""


class FilePerFrame(ExportWriter):
    """`frame_000123.SUFFIX` in a folder for every frame (for an image `STEM.SUFFIX`), each written atomically."""

    beside: ClassVar[tuple[str, ...]] = ()
    """Names of files that are written once."""

    def __init__(self, target: ExportTarget, suffix: str, encode: Callable[[FrameResult], bytes]) -> None:
        """Args: encode: the content of a frame's file."""
        self.folder = target.folder()
        self.output_path = self.folder / "frame"
        remove_stale_drafts(self.folder)
        self.frames = 0
        self._stem = target.job.stem
        self._suffix = suffix
        self._encode = encode
        self._provenance = target.job.provenance

    @property
    def names(self) -> tuple[str, ...]:
        """Those of the frames of a video, that of an image, and those of files that are written once."""
        of_image = fitting_name(self._stem, self._suffix)
        return (f"frame_[0-9]*{self._suffix}", glob.escape(of_image), *self.beside)

    def add(self, result: FrameResult) -> None:
        """Write the frame's file."""
        content = self._encode(result)
        if self._provenance and self._suffix in WITH_TEXT:
            content = WITH_TEXT[self._suffix](content, self._provenance)
        write_whole(self.folder / fitting_name(result.name, self._suffix), content)
        self.frames += 1

    def finish(self) -> list[str]:
        """All files have their final names."""
        return []

    def interrupt(self) -> None:
        """All files are complete."""

    def state(self) -> dict[str, Any]:
        """Number of frames."""
        return {"frames": self.frames}

    def restore(self, state: dict[str, Any]) -> None:
        """Repeated frames overwrite their files with the same content."""
        self.frames = state["frames"]

    def close(self) -> None:
        """Nothing is open."""


def write_whole(path: Path, content: bytes) -> None:
    """Write a file atomically: under another name beside it, then renamed.

    Raises StageError naming the file if the disk refuses.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as draft:
            draft.write_bytes(content)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StageError(f"the export cannot be written ({reason})", str(path), REMEDY) from error
