"""Exports on their way to files: what every writer does, and the simplest one, a file a frame."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.files.atomic_file import atomic_write, remove_stale_drafts
from pipeline.stage import Job, StageError, closed_folder, fitting_name
from stages.results.formats.moment import Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where an export of one input goes.

    Attributes:
        kind: its name on the command line.
        path: what the user named.
        job: the input.
        segment_frames, threads: of films, see `Export.Config`.
    """

    kind: str
    path: str
    job: Job
    segment_frames: int
    threads: int

    def replaces(self) -> bool:
        """Whether a file that stands may be replaced; a run that goes on finds those of its own first part."""
        return self.job.overwrite or self.job.resume

    def folder(self) -> Path:
        """The folder of an input's files: its own where there are several inputs."""
        return Path(self.path) / fitting_name(self.job.stem, "") if self.job.several else Path(self.path)

    def file(self, suffixes: tuple[str, ...]) -> str:
        """The one file of an input: as named, or by the input's name in the folder that is named.

        Raises StageError: a suffix that is none of `suffixes`, or one file for several inputs.
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


class Writer(ABC):
    """One export of one input: frames in, files out."""

    place: Path
    """The file that is written, or one in the folder of those that are."""

    @abstractmethod
    def add(self, moment: Moment) -> None:
        """Take the next frame. Raises StageError where it cannot be written."""

    @abstractmethod
    def finish(self) -> list[str]:
        """The input is over: give what is whole its name. Returns sentences that people must know."""

    @abstractmethod
    def interrupt(self) -> None:
        """The run stops early: keep what is there, under a name that says so where it is one file."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """What a restart right here needs; what it counts on is on the disk when this returns."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> None:
        """Go on after `state`; called before the first frame. Raises StageError where its files are gone."""

    @abstractmethod
    def close(self) -> None:
        """Release files; called once, after a failure too."""

    def check(self) -> None:
        """Raises StageError where nothing can be written, as far as that shows before anything is."""
        folder = str(self.place.parent)
        if reason := closed_folder(folder):
            raise StageError(f"the export cannot be written ({reason})", str(self.place), REMEDY)

    def reopen(self) -> None:  # noqa: B027 - most writers know all they need from their state
        """No frame comes after what was restored: take up from the disk what one would have told; `finish` is next."""

    def stands(self) -> bool:
        """True when a run that died had given the file its name already."""
        return False


class Standing(Writer):
    """An export that was whole before the run died: frames that come again change nothing."""

    def __init__(self, state: dict[str, Any]) -> None:
        self._state = state

    def add(self, moment: Moment) -> None:
        """It is in the file."""

    def finish(self) -> list[str]:
        """The file has its name."""
        return []

    def interrupt(self) -> None:
        """The file has its name."""

    def state(self) -> dict[str, Any]:
        """As it was."""
        return self._state

    def restore(self, state: dict[str, Any]) -> None:
        """As it was."""
        self._state = state

    def close(self) -> None:
        """Nothing is open."""


class FileAFrame(Writer):
    """`frame_000123.SUFFIX` in a folder for every frame (for an image `STEM.SUFFIX`), each written in one step."""

    def __init__(self, target: Target, suffix: str, encode: Callable[[Moment], bytes]) -> None:
        """Args: encode: the content of a frame's file."""
        self.folder = target.folder()
        self.place = self.folder / "frame"
        remove_stale_drafts(self.folder)
        self.frames = 0
        self._suffix = suffix
        self._encode = encode

    def add(self, moment: Moment) -> None:
        """Write the frame's file."""
        put_whole(self.folder / fitting_name(moment.name, self._suffix), self._encode(moment))
        self.frames += 1

    def finish(self) -> list[str]:
        """Every file has its name already."""
        return []

    def interrupt(self) -> None:
        """The files that are there are whole."""

    def state(self) -> dict[str, Any]:
        """Number of frames."""
        return {"frames": self.frames}

    def restore(self, state: dict[str, Any]) -> None:
        """Frames that come again replace their files by the same."""
        self.frames = state["frames"]

    def close(self) -> None:
        """Nothing is open."""


def put_whole(path: Path, content: bytes) -> None:
    """A reader sees the whole file or none: written beside it under another name, then renamed.

    Raises StageError naming the file where the disk refuses.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as draft:
            draft.write_bytes(content)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StageError(f"the export cannot be written ({reason})", str(path), REMEDY) from error
