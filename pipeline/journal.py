"""The committed parts of a result, with what a restart right after the last of them needs.

`OUT.partial/journal.jsonl`: a line that says which run it belongs to, then one line a commit, each with the hash of its
content. Only the last commits are kept, since a restart needs no others and states can be large; the file is written
anew beside the old one and put in its place, so that a crash leaves the one or the other.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import errno
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.packet import Commit
from pipeline.stage import Job, PlainError

KEPT = 2
"""Commits in the file: the last one, and the one before for a crash right at the end of the input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A commit as the journal keeps it.

    Attributes:
        accepted: packets of the stream that were accepted by the lane when it committed.
        frames: frames in them.
        receipt: the fields of the sink's receipt.
        states: `state()` of the lane's ordered stages, by stage name.
    """

    accepted: int
    frames: int
    receipt: Mapping[str, Any]
    states: Mapping[str, bytes]


class Journal:
    """Keeps the last commits in a file; one without a file (no output to resume) takes them and keeps nothing.

    Args:
        path: of the file, or None.
        identity: of the run: what is read must bear the same.
    """

    def __init__(self, path: Path | None, identity: str = "") -> None:
        self.path = path
        self._identity = identity
        self._lines: list[str] = []

    @classmethod
    def of(cls, job: Job, identity: str = "") -> Journal:
        """The journal of an input's result."""
        return cls(journal_path(job.output) if job.output else None, identity)

    def append(self, commit: Commit) -> None:
        """Write a commit and wait until it is on the disk. Raises PlainError where the disk refuses."""
        if self.path is None:
            return
        content = {
            "accepted": commit.accepted,
            "frames": commit.frames,
            "receipt": _plain(commit.receipt),
            "states": {name: base64.b64encode(state).decode() for name, state in commit.states.items()},
        }
        self._lines = [*self._lines, _line(content)][-KEPT:]
        try:
            self._write(self.path)
        except OSError as error:
            remedy = "free some space, then run again with --resume"
            full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            what = "the disk is full" if full else f"cannot be written ({error.strerror})"
            raise PlainError(what, str(self.path), remedy) from error

    def remove(self) -> None:
        """The result is whole, or its finished part is kept under a name of its own, or another run begins."""
        self._lines = []
        if self.path is None:
            return
        with contextlib.suppress(OSError):  # a folder with something else in it stays
            self.path.unlink(missing_ok=True)
            self.path.parent.rmdir()

    def drop_last(self) -> None:
        """Forget the last commit. Raises PlainError where the disk refuses."""
        self._lines = self._lines[:-1]
        if self.path is not None and self.path.exists():
            self._write(self.path)

    def check(self) -> None:
        """Raises PlainError for a journal of a run with another input or other settings."""
        lines = self._stored()
        known = _content(lines[0]) if lines else None
        if known is not None and known.get("identity") != self._identity:
            what = "the parts that are there come from another input or from other settings"
            remedy = "give the command they were made with, or leave out --resume to start anew"
            raise PlainError(what, str(self.path and self.path.parent), remedy)

    def read(self) -> list[Record]:
        """The commits that were written whole, oldest first; what is appended follows them."""
        self._lines = []
        records = []
        for line in self._stored()[1:]:
            content = _content(line)
            if content is None:
                break
            states = {name: base64.b64decode(state) for name, state in content.pop("states").items()}
            records.append(Record(**content, states=states))
            self._lines.append(f"{line}\n")
        return records

    def _stored(self) -> list[str]:
        stored = self.path is not None and self.path.exists()
        # A damaged byte must not hide what is whole: its line fails its hash.
        return self.path.read_text(encoding="utf-8", errors="replace").splitlines() if stored and self.path else []

    def _write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".fresh")
        try:
            with fresh.open("w", encoding="utf-8") as file:
                file.writelines([_line({"identity": self._identity}), *self._lines])
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)


def journal_path(output: str) -> Path:
    """Where the journal of a result lies."""
    return Path(f"{output}.partial") / "journal.jsonl"


def _line(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True)
    return json.dumps({"sha256": hashlib.sha256(text.encode()).hexdigest(), "content": text}) + "\n"


def _content(line: str) -> dict[str, Any] | None:
    """The content of a journal line, or None where its hash does not fit."""
    try:
        outer = json.loads(line)
        text: str = outer["content"]
        whole = hashlib.sha256(text.encode()).hexdigest() == outer["sha256"]
        return json.loads(text) if whole else None
    except (ValueError, KeyError, TypeError):
        return None


def _plain(receipt: Any) -> dict[str, Any]:
    """A receipt's fields as JSON knows them."""
    fields = {spec.name: getattr(receipt, spec.name) for spec in dataclasses.fields(receipt)}
    return json.loads(json.dumps(fields, default=str))
