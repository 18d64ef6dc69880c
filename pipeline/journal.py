"""The committed parts of a result, with what a restart right after each of them needs.

One JSON line per commit in `OUT.partial/journal.jsonl`, each with the hash of its content, synced to the disk before
the next packet goes on. A line that a crash cut short fails its hash, and it and what follows are not read.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.packet import Commit
from pipeline.stage import Job, PlainError


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A commit as the journal keeps it.

    Attributes:
        accepted: packets of the stream that were accepted by the lane when it committed.
        receipt: the fields of the sink's receipt.
        states: `state()` of the lane's ordered stages, by stage name.
    """

    accepted: int
    receipt: Mapping[str, Any]
    states: Mapping[str, bytes]


class Journal:
    """Appends commits to a file; one without a file (no output to resume) takes them and keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self.path = path

    @classmethod
    def of(cls, job: Job) -> Journal:
        """The journal of an input's result."""
        return cls(Path(f"{job.output}.partial") / "journal.jsonl" if job.output else None)

    def append(self, commit: Commit) -> None:
        """Write a commit and wait until it is on the disk. Raises PlainError where the disk refuses."""
        if self.path is None:
            return
        try:
            self._write(self.path, commit)
        except OSError as error:
            remedy = "free some space, or name another folder with -o"
            raise PlainError(f"cannot be written ({error.strerror})", str(self.path), remedy) from error

    def remove(self) -> None:
        """The result is whole, or its finished part is kept under a name of its own, or another run begins."""
        if self.path is None:
            return
        with contextlib.suppress(OSError):  # a folder with something else in it stays
            self.path.unlink(missing_ok=True)
            self.path.parent.rmdir()

    def _write(self, path: Path, commit: Commit) -> None:
        content = {
            "accepted": commit.accepted,
            "receipt": _plain(commit.receipt),
            "states": {name: base64.b64encode(state).decode() for name, state in commit.states.items()},
        }
        text = json.dumps(content, sort_keys=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"sha256": hashlib.sha256(text.encode()).hexdigest(), "content": text}) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def read(self) -> list[Record]:
        """Every commit that was written whole, oldest first."""
        if self.path is None or not self.path.exists():
            return []
        records = []
        for line in self.path.read_text(encoding="utf-8").splitlines():
            content = _content(line)
            if content is None:
                break
            states = {name: base64.b64decode(state) for name, state in content["states"].items()}
            records.append(Record(accepted=content["accepted"], receipt=content["receipt"], states=states))
        return records


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
