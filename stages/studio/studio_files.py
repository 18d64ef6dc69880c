"""The files of a studio: its images, and what stands beside its result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from models.files.atomic_file import atomic_write
from pipeline.stage import StageError
from stages.studio.given_document import GivenFile
from stages.studio.work.actions import Start
from stages.studio.work.record_file import FORMER_SUFFIX
from stages.studio.work.task_list import TaskImage


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenImage:
    """An image to annotate: its file, its entry in the task list, and what annotators find in it.

    `file`: the annotations with which the work began, of all images.
    """

    path: Path
    task: TaskImage
    start: Start | None = None
    file: GivenFile | None = None


def studio_journal(output: Path) -> Path:
    """The journal beside a result: `people.journal.sqlite` beside `people.json`."""
    return output.with_name(f"{output.stem}.journal.sqlite")


def known_journal(output: Path) -> Path | None:
    """The journal beside a result, or a former one; None where there is neither."""
    path = studio_journal(output)
    return next((one for one in (path, path.with_suffix(FORMER_SUFFIX)) if one.exists()), None)


def frames_folder(output: Path) -> Path:
    """The folder of the frames of videos beside a result: `people.frames` beside `people.json`."""
    return output.with_name(f"{output.stem}.frames")


def ranked_path(output: Path, rank: int) -> Path:
    """The file of a rank of annotators: `people.json`, `people.2.json` …"""
    return output if rank == 0 else output.with_name(f"{output.stem}.{rank + 1}{output.suffix}")


def unreviewed_path(output: Path) -> Path:
    """The file of the first rank of annotators where the result is reviewed: `people.1.json`."""
    return output.with_name(f"{output.stem}.1{output.suffix}")


def write_lines(output: Path, lines: Iterable[str], failure: str = "cannot be written") -> None:
    """Write a file of lines, whole or not at all. Raises: StageError, which says `failure`."""
    try:
        with atomic_write(output) as draft:
            draft.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    except OSError as error:
        raise StageError(f"{failure} ({error.strerror or error})", str(output), "name another file with -o") from error
