"""The manifest of a batch, `batch.json` beside its results: a repeated batch makes only the missing results."""

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
    """One entry per input: how it ended, its result, and the size and date of the input file.

    Addresses are stored without their secrets.

    Args:
        folder: of the results.
        settings: hash of the settings that decide results; entries with another hash are ignored.
    """

    def __init__(self, folder: str, settings: str) -> None:
        """Read the manifest. Raises PlainError if the file is no manifest, or a store does not respond."""
        self._path = remote_files.path_in(folder, NAME)
        self._settings = settings
        self._entries: dict[str, dict[str, Any]] = {}
        if remote_files.exists(self._path):
            try:
                stored = json.loads(remote_files.read(self._path))["inputs"].items()
                self._entries = {address_key(name): entry for name, entry in stored if isinstance(entry, dict)}
            except (ValueError, LookupError, TypeError, AttributeError) as error:
                raise PlainError("this is no manifest of a batch", self._path, "move it away") from error

    def is_current(self, job: Job) -> bool:
        """Whether an input's result was made from the same file and settings, and still exists unchanged."""
        entry = self._entries.get(address_key(job.input), {})
        same = entry.get("settings") == self._settings and entry.get("source") == remote_files.stamp(job.input)
        there = job.output is not None and entry.get("output") == address_key(job.output)
        found = remote_files.stamp(job.output) if same and there and job.output else None
        return found is not None and entry.get("result", found) == found

    def takes(self, job: Job) -> bool:
        """Whether a result is finished; one that a killed batch finished but did not record is recorded now.

        Removes the working files of a finished result. Raises PlainError.
        """
        if not self.is_current(job):
            mark = finished_result(job, self._settings)
            if mark is None:
                return False
            self._note(job, {"state": "done", **_result(job, mark.frames)})
        remove_leftovers(job)
        return True

    def note(self, tally: StreamTally) -> None:
        """Record how an input ended. Raises PlainError if the file cannot be written."""
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
    """The entry of a result: its path, and its size and date, which change when another file replaces it."""
    output = job.output or ""
    return {"output": address_key(output), "frames": frames, "result": remote_files.stamp(output)}


def confirmed(inputs: Inputs, manifest: Manifest) -> Inputs:
    """The inputs of a batch, without those whose finished results this batch made.

    Other existing files are replaced with `overwrite`, and their inputs are refused without it. Raises PlainError.
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
    """The folder of a batch's results."""
    return remote_files.parent(jobs[0].output) if jobs and jobs[0].output else "."
