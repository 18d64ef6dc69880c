"""What a batch has done, in `batch.json` beside its results: a batch that is run again does only what is missing."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.inputs import Inputs
from pipeline.metrics import StreamTally
from pipeline.packet import Failure
from pipeline.stage import Job, PlainError

NAME = "batch.json"


class Manifest:
    """One entry an input: how it ended, its result, and the size and date of the file it was made from.

    Args:
        folder: of the results.
        settings: what decides results; entries of other settings count for nothing.
    """

    def __init__(self, folder: Path, settings: str) -> None:
        """Read what is there. Raises PlainError for a file that is no manifest."""
        self._path = folder / NAME
        self._settings = settings
        self._entries: dict[str, dict[str, Any]] = {}
        if self._path.exists():
            try:
                known = json.loads(self._path.read_text(encoding="utf-8"))
                self._entries = dict(known["inputs"])
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise PlainError("this is no manifest of a batch", str(self._path), "move it away") from error

    def stands(self, job: Job) -> bool:
        """Whether an input's result was made from the same file with the same settings, and is there."""
        entry = self._entries.get(job.input, {})
        same = entry.get("settings") == self._settings and entry.get("source") == _source(job.input)
        return bool(same and entry.get("output") == job.output and job.output and os.path.isfile(job.output))

    def note(self, tally: StreamTally) -> None:
        """Write down how an input ended. Raises PlainError where the disk refuses."""
        job = tally.job
        entry: dict[str, Any] = {"settings": self._settings, "source": _source(job.input), "state": tally.state}
        if tally.failure:
            entry["error"] = str(tally.failure.error())
        else:
            entry |= {"output": job.output, "frames": tally.frames_done}
        self._entries[job.input] = entry
        draft = self._path.with_suffix(".draft")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with draft.open("w", encoding="utf-8") as file:
                json.dump({"inputs": self._entries}, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise PlainError(f"cannot be written ({error.strerror})", str(self._path), "free some space") from error


def confirmed(inputs: Inputs, manifest: Manifest) -> Inputs:
    """The inputs of a batch that is begun or gone on with: results that its manifest knows stand.

    Others that are in the way are made anew with `overwrite`, and refused without.
    """
    standing = frozenset(job.index for job in inputs.jobs if job.index in inputs.standing and manifest.stands(job))
    refused: dict[int, Failure] = dict(inputs.refused)
    for job in inputs.jobs:
        if job.index in inputs.standing - standing and not job.overwrite:
            refused[job.index] = Failure(
                what="this file exists already, and this batch did not make it from this input with these settings",
                where=job.output or "",
                remedy="give --overwrite to replace it, or name another folder with -o",
            )
    return dataclasses.replace(inputs, refused=refused, standing=standing)


def results_folder(jobs: tuple[Job, ...]) -> Path:
    """The folder that a batch's results go to."""
    return Path(jobs[0].output).parent if jobs and jobs[0].output else Path()


def _source(path: str) -> Mapping[str, int] | None:
    """Size and date of an input; None for one that is no file here."""
    try:
        facts = os.stat(path)
    except OSError:
        return None
    return {"size": facts.st_size, "mtime_ns": facts.st_mtime_ns}
