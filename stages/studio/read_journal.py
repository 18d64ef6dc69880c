"""Source: exports a studio's journal as text, as JSON, or as a copy, also while the studio runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.files.json_file import parsed_json
from pipeline.stage import Job, Stage, StageError
from stages.payloads import Written
from stages.studio.studio_files import named_journal, studio_journal, write_lines
from stages.studio.work.readable_records import readable_record
from stages.studio.work.record_file import FORMER_SUFFIX, copy_records, read_records
from stages.video.encoding.output_file import check_free

TEXT_SUFFIX = ".txt"
SUFFIXES = (TEXT_SUFFIX, FORMER_SUFFIX, studio_journal(Path("people.json")).suffix)


class ReadJournal(Stage):
    """Exports the journal of an annotation file; the suffix of `-o` is `.txt`, `.jsonl`, or `.sqlite` for a copy."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """No settings."""

    @classmethod
    def check(cls, config: Config, job: Job) -> None:
        """Raises StageError unless exactly one file is named, without a journal, and for another suffix of `-o`."""
        if len(job.together) != 1:
            raise StageError("one annotation file, or its journal, is read", "command line", "name one file")
        output = Path(job.output or f"journal{TEXT_SUFFIX}")
        if output.suffix not in SUFFIXES:
            remedy = f"name a file with -o that ends in {', '.join(SUFFIXES)}"
            raise StageError("a journal is not written in this form", str(output), remedy)
        named_journal(Path(job.together[0]))

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Nothing is read before the first call."""
        super().__init__(config, threads=threads)
        self._facts: dict[str, Any] = {}

    def __call__(self, job: Job) -> Iterator[Written]:
        """Write the journal; an earlier export of it is replaced.

        Raises: StageError for one that is missing or damaged, for a full disk, and where another file is in its place.
        """
        journal, output = named_journal(Path(job.together[0])), Path(job.output or f"journal{TEXT_SUFFIX}")
        records = read_records(journal)
        lines = [record for _, record in records]
        if output.suffix == TEXT_SUFFIX:
            lines = [f"{number}  {readable_record(parsed_json(record))}" for number, record in records]
        if not _is_earlier(output, lines):
            check_free(str(output), overwrite=job.overwrite)
        if output.suffix in (TEXT_SUFFIX, FORMER_SUFFIX):
            write_lines(output, lines, "the journal cannot be written")
        else:
            copy_records(journal, output)
        self._facts = {"records": len(records)}
        yield Written(path=str(output), frames=0)

    def summary(self) -> Mapping[str, Any]:
        """Number of records."""
        return self._facts


def _is_earlier(output: Path, lines: list[str]) -> bool:
    """Whether a file has the first of the lines, and nothing else."""
    try:
        if output.suffix in (TEXT_SUFFIX, FORMER_SUFFIX):
            text = "".join(f"{line}\n" for line in lines)
            return text.encode(errors="backslashreplace").startswith(output.read_bytes())
        known = [record for _, record in read_records(output)]
    except (OSError, StageError):
        return False
    return known == lines[: len(known)]
