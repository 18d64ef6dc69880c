"""What a batch has done, in `batch.json` beside its results: a batch that is run again does only what is missing."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from pipeline import storage
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

    def __init__(self, folder: str, settings: str) -> None:
        """Read what is there. Raises PlainError for a file that is no manifest, or a store that does not answer."""
        self._path = storage.inside(folder, NAME)
        self._settings = settings
        self._entries: dict[str, dict[str, Any]] = {}
        if storage.exists(self._path):
            with tempfile.TemporaryDirectory() as place:
                text = Path(storage.fetch(self._path, Path(place))).read_text(encoding="utf-8")
            try:
                self._entries = dict(json.loads(text)["inputs"])
            except (ValueError, KeyError, TypeError) as error:
                raise PlainError("this is no manifest of a batch", self._path, "move it away") from error

    def stands(self, job: Job) -> bool:
        """Whether an input's result was made from the same file with the same settings, and is there."""
        entry = self._entries.get(job.input, {})
        same = entry.get("settings") == self._settings and entry.get("source") == storage.stamp(job.input)
        return bool(same and entry.get("output") == job.output and job.output and storage.exists(job.output))

    def note(self, tally: StreamTally) -> None:
        """Write down how an input ended. Raises PlainError where the disk refuses."""
        job = tally.job
        entry: dict[str, Any] = {"settings": self._settings, "source": storage.stamp(job.input), "state": tally.state}
        if tally.failure:
            entry["error"] = str(tally.failure.error())
        else:
            entry |= {"output": job.output, "frames": tally.frames_done}
        self._entries[job.input] = entry
        self._write(json.dumps({"inputs": self._entries}, indent=1))

    def _write(self, text: str) -> None:
        with tempfile.TemporaryDirectory() as place:
            draft = Path(place) / NAME
            draft.write_text(text, encoding="utf-8")
            if storage.is_remote(self._path):
                storage.publish(draft, self._path)
            else:
                _put(draft, Path(self._path))


def _put(draft: Path, final: Path) -> None:
    """Replace a local file by another in one step. Raises PlainError where the disk refuses."""
    beside = final.with_suffix(".draft")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            file.write(draft.read_bytes())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(final)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise PlainError(f"cannot be written ({error.strerror})", str(final), "free some space") from error


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


def results_folder(jobs: tuple[Job, ...]) -> str:
    """The folder that a batch's results go to."""
    return storage.parent(jobs[0].output) if jobs and jobs[0].output else "."
