"""Writes the files of an animation, each under a name that is free."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipeline.stage import Job
from stages.video.encoding.atomic_writes import reported_write_errors
from stages.video.encoding.output_file import OutputFile, free_path


def write_files(files: Mapping[str, bytes], job: Job, result: OutputFile) -> dict[str, str]:
    """Write contents by path, the result last; returns where each was written. `result`: the opened output."""
    written = {}
    for path in sorted(files, key=lambda one: one == job.output):
        written[path] = free_path(path, overwrite=job.overwrite)
        opened = written[path] == result.path
        output = result if opened else OutputFile(written[path], job.input, overwrite=job.overwrite)
        _write(output, files[path], fresh=not opened)
    result.discard()
    return written


def _write(output: OutputFile, content: bytes, *, fresh: bool) -> None:
    with reported_write_errors(output.path):
        output.prepare(fresh=fresh)
        draft = output.folder / f"whole{Path(output.path).suffix.lower()}.draft"
        draft.write_bytes(content)
        output.publish(draft)
