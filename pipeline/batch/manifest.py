"""The manifest of a batch, `batch.json` beside its results: a repeated batch makes only the missing results.

Each record is appended to a journal, `batch.journal`, and is on the disk before the marks of its result are removed.
The manifest itself is written whole at the end, and seldom enough before that this costs little time. A batch that was
killed leaves the journal, which the next batch reads. Object stores cannot append: there the marks of results stay
until the manifest is written.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pipeline.batch.finished_results import finished_result, remove_leftovers
from pipeline.jobs import remote_files
from pipeline.jobs.inputs import Inputs
from pipeline.jobs.remote_files import StoreListings
from pipeline.jobs.watch import Watch, watched
from pipeline.observe.observer import FileRecord
from pipeline.packet import Failure
from pipeline.redaction import address_key, redacted_data
from pipeline.stage import Job, PlainError

NAME, JOURNAL = "batch.json", "batch.journal"
WHOLE_EVERY_S = 5.0
"""The manifest is written whole at most this often,"""
WHOLE_SHARE = 0.05
"""and may take at most this share of the time."""


Stamp = Mapping[str, Any]
"""See `pipeline.jobs.remote_files.stamp`."""


class _Entry(str):
    """An entry as JSON text, which needs a fraction of the memory of its dictionaries."""

    __slots__ = ()


class Manifest:
    """One entry per input: how it ended, where and how long it was worked on, its result, and the size and date of the
    input file.

    Addresses are stored without their secrets.

    Args:
        folder: of the results.
        settings: hash of the settings that decide results; entries with another hash are ignored.

    Attributes:
        path: of the file.
    """

    def __init__(self, folder: str, settings: str) -> None:
        """Read manifest and journal. Raises PlainError if the file is no manifest, or a store does not respond."""
        self.path = remote_files.path_in(folder, NAME)
        self._settings = settings
        self._entries = _stored_entries(self.path)
        self._journal = _Journal.beside(folder)
        if self._journal is not None:
            self._entries.update(self._journal.read())
        self._unsettled: list[Job] = []
        self._whole_at, self._whole_s = time.monotonic(), 0.0
        self._is_whole = True

    def is_current(self, job: Job, stores: StoreListings) -> bool:
        """Whether an input's result was made from the same file and settings, and still exists unchanged."""
        entry = json.loads(self._entries.get(address_key(job.input), "{}"))
        same = entry.get("settings") == self._settings and entry.get("source") == stores.stamp(job.input)
        there = job.output is not None and entry.get("output") == address_key(job.output)
        found = stores.stamp(job.output) if same and there and job.output else None
        return found is not None and entry.get("result", found) == found

    def knows(self, job: Job) -> bool:
        """Whether the batch has recorded how an input ended with these settings."""
        entry = self._entries.get(address_key(job.input))
        return entry is not None and json.loads(entry).get("settings") == self._settings

    def takes(self, job: Job, stores: StoreListings) -> bool:
        """Whether a result is finished; one that a killed batch finished but did not record is recorded now.

        Removes the working files of a finished result. Raises PlainError.
        """
        if self.is_current(job, stores):
            remove_leftovers(job)
            return True
        mark = finished_result(job, self._settings)
        if mark is None:
            return False
        stamps = {"source": stores.stamp(job.input), "result": stores.stamp(job.output or "")}
        output = address_key(job.output or "")
        self._add(job, {"state": "done", "output": output, "frames": mark.frames, **stamps})
        return True

    def note(self, job: Job, record: FileRecord, source: Stamp | None, result: Stamp | None) -> None:
        """Record how an input ended; after `settle` no crash can lose that.

        Args:
            job: the input.
            record: how it ended.
            source, result: sizes and dates of the input and of its result.

        Raises PlainError if the journal cannot be written.
        """
        known = {key: value for key, value in dataclasses.asdict(record).items() if value not in (None, ())}
        del known["stream"], known["input"]
        if record.output is not None:
            known |= {"output": address_key(record.output), "result": result}
        self._add(job, {**known, "source": source})

    def _add(self, job: Job, entry: dict[str, Any]) -> None:
        key = address_key(job.input)
        text = _Entry(json.dumps({"settings": self._settings, **redacted_data(entry)}))
        self._entries[key] = text
        self._is_whole = False
        self._unsettled.append(job)
        if self._journal is not None:
            self._journal.append(key, text)

    def settle(self) -> None:
        """Wait until all records are on the disk, then remove the marks of their results. Raises PlainError.

        Does so later in a store, which cannot append. Writes the manifest whole from time to time.
        """
        if self._journal is not None and self._unsettled:
            self._journal.sync()
            self._remove_marks()
        now = time.monotonic()
        if not self._is_whole and now - self._whole_at >= max(WHOLE_EVERY_S, self._whole_s / WHOLE_SHARE):
            self.write_whole()

    def write_whole(self) -> None:
        """Write the manifest with all records. Raises PlainError."""
        if self._is_whole and not (self._journal and self._journal.has_records):
            return
        begun = time.monotonic()
        remote_files.write(self.path, _whole_text(self._entries))
        if self._journal is not None:
            self._journal.clear()
        self._remove_marks()
        self._is_whole, self._whole_at = True, time.monotonic()
        self._whole_s = self._whole_at - begun

    def close(self) -> None:
        """Write the manifest whole and remove the journal. Raises PlainError."""
        self.write_whole()
        if self._journal is not None:
            self._journal.remove()

    def _remove_marks(self) -> None:
        for job in self._unsettled:
            remove_leftovers(job)
        self._unsettled.clear()


class _Journal:
    """A file of records, one line of JSON each; records that a crash cut off are ignored."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: int | None = None

    @classmethod
    def beside(cls, folder: str) -> _Journal | None:
        """The journal of a folder of results; None in an object store."""
        place = remote_files.path_on_this_machine(folder)
        return None if place is None else cls(str(place / JOURNAL))

    @property
    def has_records(self) -> bool:
        """Whether the file exists and is not empty."""
        return os.path.exists(self._path) and os.path.getsize(self._path) > 0

    def read(self) -> Iterator[tuple[str, _Entry]]:
        """Yield the entries, oldest first. Raises PlainError if the file cannot be read."""
        if not os.path.exists(self._path):
            return
        try:
            with open(self._path, encoding="utf-8", errors="replace") as file:
                for line in file:
                    with contextlib.suppress(ValueError):
                        key, entry = json.loads(line)
                        if isinstance(key, str) and isinstance(entry, dict):
                            yield address_key(key), _Entry(json.dumps(entry))
        except OSError as error:
            raise PlainError(f"cannot be read ({error.strerror})", self._path, "check its permissions") from error

    def append(self, key: str, entry: _Entry) -> None:
        """Append a record. Raises PlainError."""
        line = f"[{json.dumps(key)}, {entry}]\n".encode()
        with self._errors():
            if self._file is None:
                self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
                if self.has_records:  # the last line of a killed batch may lack its end
                    line = b"\n" + line
            while line:
                line = line[os.write(self._file, line) :]

    def sync(self) -> None:
        """Wait until all records are on the disk. Raises PlainError."""
        with self._errors():
            if self._file is not None:
                os.fsync(self._file)

    def clear(self) -> None:
        """Drop all records: the manifest has them. Raises PlainError."""
        with self._errors():
            if self._file is not None:
                os.ftruncate(self._file, 0)
            elif self.has_records:
                os.truncate(self._path, 0)

    def remove(self) -> None:
        """Close and remove the file."""
        with contextlib.suppress(OSError):
            if self._file is not None:
                os.close(self._file)
            self._file = None
            os.unlink(self._path)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise PlainError(f"cannot be written ({error.strerror})", self._path, "free some space") from error


def _stored_entries(path: str) -> dict[str, _Entry]:
    """The entries of a manifest; none if there is no such file. Raises PlainError."""
    if not remote_files.exists(path):
        return {}
    try:
        stored = json.loads(remote_files.read(path), object_pairs_hook=_compact)["inputs"].items()
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise PlainError("this is no manifest of a batch", path, "move it away") from error
    return {address_key(name): entry for name, entry in stored if isinstance(entry, _Entry)}


def _compact(pairs: list[tuple[str, Any]]) -> Any:
    """An object of JSON: entries become text while the file is read, so that they are never all in memory."""
    found = dict(pairs)
    return _Entry(json.dumps(found)) if type(found.get("settings")) is str else found


def _whole_text(entries: Mapping[str, _Entry]) -> Iterable[str]:
    """The manifest as pieces of JSON, one line for each input."""
    yield '{"inputs": {'
    between = "\n"
    for key, entry in entries.items():
        yield f"{between}{json.dumps(key)}: {entry}"
        between = ",\n"
    yield "\n}}\n"


def confirmed(inputs: Inputs, manifest: Manifest, watch: Watch | None = None) -> Inputs:
    """The inputs of a batch, without those whose finished results this batch made.

    Other existing files are replaced with `overwrite`, and their inputs are refused without it. Raises PlainError.
    """
    stores = StoreListings()
    standing: set[int] = set()
    refused: dict[int, Failure] = dict(inputs.refused)
    for job in watched(inputs.jobs, "earlier results", watch):
        if job.index not in inputs.standing:
            continue
        if manifest.takes(job, stores):
            standing.add(job.index)
        elif not job.overwrite:
            refused[job.index] = Failure(
                what="this file exists already, and this batch did not make it from this input with these settings and "
                "this version of the program",
                where=job.output or "",
                remedy="give --overwrite to replace it, or name another folder with -o",
            )
    manifest.settle()
    return dataclasses.replace(inputs, refused=refused, standing=frozenset(standing))


def results_folder(jobs: tuple[Job, ...]) -> str:
    """The folder of a batch's results."""
    return remote_files.parent(jobs[0].output) if jobs and jobs[0].output else "."
