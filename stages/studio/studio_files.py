"""The files of a studio: given images, and the files beside its result."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.files.atomic_file import atomic_write
from pipeline.stage import StageError
from stages.studio.given_document import GivenFile
from stages.studio.work.actions import Start
from stages.studio.work.record_file import FORMER_SUFFIX
from stages.studio.work.task_list import TaskImage

MAX_LISTED_NOTES = 10
"""Notes that are printed at the end of a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenImage:
    """An image to annotate.

    Attributes:
        path: file of the image.
        task: its entry in the task list.
        start: the annotations with which each annotator begins; None: none.
        file: the annotation file with which the work began, the same for all images; None: none.
    """

    path: Path
    task: TaskImage
    start: Start | None = None
    file: GivenFile | None = None


def studio_journal(output: Path) -> Path:
    """The journal beside a result: `people.journal.sqlite` beside `people.json`."""
    return output.with_name(f"{output.stem}.journal.sqlite")


def known_journal(output: Path) -> Path | None:
    """The journal beside a result, else a journal of the former format; None without either."""
    path = studio_journal(output)
    return next((journal for journal in (path, path.with_suffix(FORMER_SUFFIX)) if journal.exists()), None)


def named_journal(named: Path) -> Path:
    """The journal of a result; `named` may be the journal itself. Raises: StageError without a journal."""
    found = named if ".journal" in named.suffixes else known_journal(named)
    if found is None or not found.exists():
        raise StageError("there is no journal beside this file", str(named), "name a file that -c annotate wrote")
    return found


def frames_folder(output: Path) -> Path:
    """The folder of the frames of videos beside a result: `people.frames` beside `people.json`."""
    return output.with_name(f"{output.stem}.frames")


def ranked_path(output: Path, rank: int) -> Path:
    """The file of a rank of annotators (`image_result`): `people.json`, `people.2.json` …"""
    return output if rank == 0 else output.with_name(f"{output.stem}.{rank + 1}{output.suffix}")


def unreviewed_path(output: Path) -> Path:
    """The file of the first rank of annotators without their reviews: `people.1.json`."""
    return output.with_name(f"{output.stem}.1{output.suffix}")


def first_notes(notes: Sequence[str], rest: str) -> list[str]:
    """The first `MAX_LISTED_NOTES` notes; where there are more, a line with their number and `rest`."""
    more = len(notes) - MAX_LISTED_NOTES
    return [*notes[:MAX_LISTED_NOTES], *([f"… and {more} more: {rest}"] if more > 0 else [])]


def write_lines(output: Path, lines: Iterable[str], failure: str = "cannot be written") -> None:
    """Write a file of lines, whole or not at all. Raises: StageError with the text `failure`."""
    try:
        with atomic_write(output) as draft:
            draft.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise StageError(f"{failure} ({error.strerror or error})", str(output), "name another file with -o") from error
