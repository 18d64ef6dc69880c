"""Source: merges annotation files of one task, and their journals, to one that `-c annotate` can continue."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.stage import Job, Stage, StageError
from stages.annotations.coco_documents import read_document
from stages.payloads import Written
from stages.studio.given_people import given_path, with_given_people
from stages.studio.gold_items import gold_folder
from stages.studio.merge_tasks import MergedTask
from stages.studio.people_file import BODY
from stages.studio.studio_files import GivenImage, first_notes, named_journal, studio_journal, write_lines
from stages.studio.work.record_file import RecordFile, read_records
from stages.studio.work.work_journal import journal_tasks
from stages.studio.workplace import Workplace
from stages.video.encoding.output_file import check_free


class MergeAnnotations(Stage):
    """Merges files of `-c annotate` that have their journals beside them; `-o` names the merged file."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """No settings."""

    @classmethod
    def check(cls, config: Config, job: Job) -> None:
        """Raises StageError for fewer than two files, files without a journal, and an existing result or journal."""
        if len(job.together) < 2:
            raise StageError("at least two annotation files are merged", "command line", "name two files")
        output = Path(job.output or "merged.json")
        if output.suffix.lower() != ".json":
            raise StageError("annotations are written as a .json file", str(output), "name such a file with -o")
        if studio_journal(output).exists():
            raise StageError("this journal exists", str(studio_journal(output)), "name another file with -o")
        check_free(str(output), overwrite=job.overwrite)
        for path in job.together:
            named_journal(Path(path))

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Nothing is read before the first call."""
        super().__init__(config, threads=threads)
        self._facts: dict[str, Any] = {}

    def __call__(self, job: Job) -> Iterator[Written]:
        """Merge. Raises: StageError for a damaged journal, an image of two sizes, and files of different tasks."""
        output, sources = Path(job.output or "merged.json"), [Path(path) for path in job.together]
        merged = MergedTask()
        for source in sources:
            merged.add([record for _, record in read_records(named_journal(source))], str(source))
        if len({record.get("hints", "choice") for record in merged.lists}) > 1:
            raise StageError("the files have other rules of annotate.hints", str(sources[1]), "merge files of one task")
        journal = studio_journal(output)
        made: list[Path] = []
        try:
            _copy_given(sources, output, made)
            file = RecordFile(journal)
            try:
                file.append_all(merged.records())
            finally:
                file.close()
            people = _written(output, merged.copies())
        except StageError:
            for path in (journal, *made):  # an incomplete journal must not be continued, nor hinder another merge
                path.unlink(missing_ok=True)
            raise
        conflicts = merged.conflicts
        if conflicts:
            write_lines(output.with_name(f"{output.stem}.conflicts.txt"), conflicts)
        done = f"merged files: {len(sources)}, people: {people}, conflicts: {len(conflicts)}"
        notes = [done, *first_notes(conflicts, f"{output.stem}.conflicts.txt")]
        self._facts = {"people": people, "conflicts": len(conflicts), "notes": notes}
        yield Written(path=str(output), frames=0)

    def summary(self) -> Mapping[str, Any]:
        """Numbers of people and conflicts, and the notes that are printed at the end."""
        return self._facts


def _copy_given(sources: list[Path], output: Path, made: list[Path]) -> None:
    """Copy the file with which the work began, and gold items; the copies are added to `made`.

    Raises: StageError where two sources differ.
    """
    for path_of in (given_path, lambda path: given_path(path).with_suffix(".converted.json"), gold_folder):
        target = path_of(output)
        for source in map(path_of, sources):
            if not source.exists():
                continue
            files = [source] if source.is_file() else sorted(path for path in source.iterdir() if path.is_file())
            for file in files:
                copy = target if source.is_file() else target / file.name
                if copy.exists():
                    if copy.read_bytes() != file.read_bytes():
                        raise StageError("the work began with another file", str(file), "merge files of one task")
                    continue
                made.append(copy)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copy)


def _written(output: Path, copies: int) -> int:
    """Write the result of a merged journal; returns its number of people. Raises: StageError."""
    tasks = journal_tasks(studio_journal(output))
    images = [GivenImage(path=Path(image.name), task=image) for image in tasks.images]
    given = given_path(output)
    if given.exists():
        info = read_document(given).get("info")
        of_open_body = isinstance(info, Mapping) and info.get("body") == BODY
        # Points of another body that were never converted were left out (`annotate.points`).
        points = of_open_body or given.with_suffix(".converted.json").exists()
        images = with_given_people(images, "", output, points=points)
    workplace = Workplace(images, output, copies=copies, propose=None, hints=tasks.hints)
    try:
        return workplace.write()
    finally:
        workplace.close()
