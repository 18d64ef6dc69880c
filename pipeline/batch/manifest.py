"""What a batch has done, in `batch.json` beside its results: a batch that is run again does only what is missing."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from pipeline import remote_files
from pipeline.batch.finished_results import finished_result, remove_leftovers
from pipeline.inputs import Inputs
from pipeline.metrics import StreamTally
from pipeline.packet import Failure
from pipeline.redaction import address_key, redacted_data
from pipeline.stage import Job, PlainError

NAME = "batch.json"


class Manifest:
    """One entry an input: how it ended, its result, and the size and date of the file it was made from.

    Addresses stand in it without their secrets.

    Args:
        folder: of the results.
        settings: what decides results; entries of other settings count for nothing.
    """

    def __init__(self, folder: str, settings: str) -> None:
        """Read what is there. Raises PlainError for a file that is no manifest, or a store that does not answer."""
        self._path = remote_files.path_in(folder, NAME)
        self._settings = settings
        self._entries: dict[str, dict[str, Any]] = {}
        if remote_files.exists(self._path):
            try:
                stored = json.loads(remote_files.read(self._path))["inputs"].items()
                self._entries = {address_key(name): entry for name, entry in stored if isinstance(entry, dict)}
            except (ValueError, LookupError, TypeError, AttributeError) as error:
                raise PlainError("this is no manifest of a batch", self._path, "move it away") from error

    def stands(self, job: Job) -> bool:
        """Whether an input's result was made from the same file with the same settings, and is there as it was made."""
        entry = self._entries.get(address_key(job.input), {})
        same = entry.get("settings") == self._settings and entry.get("source") == remote_files.stamp(job.input)
        there = job.output is not None and entry.get("output") == address_key(job.output)
        found = remote_files.stamp(job.output) if same and there and job.output else None
        return found is not None and entry.get("result", found) == found

    def takes(self, job: Job) -> bool:
        """Whether a result stands, or is whole but was not noted before a batch was killed: it is noted then.

        Nothing that led to the result is left. Raises PlainError.
        """
        if not self.stands(job):
            mark = finished_result(job, self._settings)
            if mark is None:
                return False
            self._note(job, {"state": "done", **_result(job, mark.frames)})
        remove_leftovers(job)
        return True

    def note(self, tally: StreamTally) -> None:
        """Write down how an input ended. Raises PlainError where the disk refuses."""
        entry: dict[str, Any] = {"state": tally.state}
        if tally.failure:
            entry["error"] = str(tally.failure.error())
        else:
            entry |= _result(tally.job, tally.frames_done)
        self._note(tally.job, entry)

    def _note(self, job: Job, entry: dict[str, Any]) -> None:
        known = {"settings": self._settings, "source": remote_files.stamp(job.input), **redacted_data(entry)}
        self._entries[address_key(job.input)] = known
        remote_files.write(self._path, json.dumps({"inputs": self._entries}, indent=1))


def _result(job: Job, frames: int) -> dict[str, Any]:
    """What is noted of a result: where it is, its size and date, which change when somebody puts another there."""
    output = job.output or ""
    return {"output": address_key(output), "frames": frames, "result": remote_files.stamp(output)}


def confirmed(inputs: Inputs, manifest: Manifest) -> Inputs:
    """The inputs of a batch that is begun or gone on with: results that it made and that are whole stand.

    Others that are in the way are made anew with `overwrite`, and refused without. Raises PlainError.
    """
    standing = frozenset(job.index for job in inputs.jobs if job.index in inputs.standing and manifest.takes(job))
    refused: dict[int, Failure] = dict(inputs.refused)
    for job in inputs.jobs:
        if job.index in inputs.standing - standing and not job.overwrite:
            refused[job.index] = Failure(
                what="this file exists already, and this batch did not make it from this input with these settings and "
                "this version of the program",
                where=job.output or "",
                remedy="give --overwrite to replace it, or name another folder with -o",
            )
    return dataclasses.replace(inputs, refused=refused, standing=standing)


def results_folder(jobs: tuple[Job, ...]) -> str:
    """The folder that a batch's results go to."""
    return remote_files.parent(jobs[0].output) if jobs and jobs[0].output else "."
