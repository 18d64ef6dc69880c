"""Source: annotation files of one task, with their journals, become one that `-c annotate` goes on with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.stage import Job, Stage, StageError
from stages.payloads import Written
from stages.studio.given_people import given_path, with_given_people
from stages.studio.gold_items import gold_folder
from stages.studio.merge_tasks import MergedTask
from stages.studio.studio_files import GivenImage, known_journal, studio_journal, write_lines
from stages.studio.work.record_file import RecordFile, read_records
from stages.studio.work.work_journal import journal_tasks
from stages.studio.workplace import Workplace

MOST_NOTES = 10
"""Conflicts that are printed; the file has all of them."""


class MergeAnnotations(Stage):
    """Several files of `-c annotate` in, their journals beside them; `-o` names the file that has all of it."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """No settings."""

    @classmethod
    def check(cls, config: Config, job: Job) -> None:
        """Raises StageError for fewer than two files, files without journal, and a result that exists."""
        if len(job.together) < 2:
            raise StageError("at least two annotation files are merged", "command line", "name two files")
        output = Path(job.output or "merged.json")
        if output.suffix.lower() != ".json":
            raise StageError("annotations are written as a .json file", str(output), "name such a file with -o")
        if studio_journal(output).exists():
            raise StageError("this journal exists", str(studio_journal(output)), "name another file with -o")
        for path in job.together:
            _journal(Path(path))

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Nothing is read before the first call."""
        super().__init__(config, threads=threads)
        self._facts: dict[str, Any] = {}

    def __call__(self, job: Job) -> Iterator[Written]:
        """Merge. Raises: StageError for damaged journals, other sizes of an image, and another given file."""
        output, sources = Path(job.output or "merged.json"), [Path(path) for path in job.together]
        merged = MergedTask()
        for source in sources:
            merged.add([record for _, record in read_records(_journal(source))], str(source))
        if len({record.get("hints", "choice") for record in merged.lists}) > 1:
            raise StageError("the files have other rules of annotate.hints", str(sources[1]), "merge files of one task")
        _copy_given(sources, output)
        journal = studio_journal(output)
        file = RecordFile(journal)
        try:
            file.append_all(merged.records())
        finally:
            file.close()
        try:
            people = _written(output, merged.copies())
        except StageError:
            journal.unlink()  # what could not be merged is no journal to go on with
            raise
        conflicts = merged.conflicts
        if conflicts:
            write_lines(output.with_name(f"{output.stem}.conflicts.txt"), conflicts)
        more = len(conflicts) - MOST_NOTES
        rest = [f"… and {more} more: {output.stem}.conflicts.txt"] * (more > 0)
        done = f"merged files: {len(sources)}, people: {people}, conflicts: {len(conflicts)}"
        self._facts = {"people": people, "conflicts": len(conflicts), "notes": [done, *conflicts[:MOST_NOTES], *rest]}
        yield Written(path=str(output), frames=0)

    def summary(self) -> Mapping[str, Any]:
        """Numbers of people and conflicts, and what is said at the end."""
        return self._facts


def _journal(named: Path) -> Path:
    """The journal of a file, which may be the journal itself. Raises: StageError without one."""
    found = named if ".journal" in named.suffixes else known_journal(named)
    if found is None or not found.exists():
        raise StageError("there is no journal beside this file", str(named), "name a file that -c annotate wrote")
    return found


def _copy_given(sources: list[Path], output: Path) -> None:
    """The file with which the work began, and hidden people, go along. Raises: StageError where these differ."""
    for path_of in (given_path, lambda path: given_path(path).with_suffix(".converted.json"), gold_folder):
        target = path_of(output)
        for source in map(path_of, sources):
            if not source.exists():
                continue
            files = [source] if source.is_file() else sorted(one for one in source.iterdir() if one.is_file())
            for one in files:
                copy = target if source.is_file() else target / one.name
                if copy.exists():
                    if copy.read_bytes() != one.read_bytes():
                        raise StageError("the work began with another file", str(one), "merge files of one task")
                    continue
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(one, copy)


def _written(output: Path, copies: int) -> int:
    """Write the result of a merged journal; its number of people. Raises: StageError."""
    tasks = journal_tasks(studio_journal(output))
    images = [GivenImage(path=Path(one.name), task=one) for one in tasks.images]
    images = with_given_people(images, "", output, points=True) if given_path(output).exists() else images
    workplace = Workplace(images, output, copies=copies, propose=None, hints=tasks.hints)
    try:
        return workplace.write()
    finally:
        workplace.close()
