"""The journal of a result: its committed parts, and what a restart right after the last of them needs.

`OUT.partial/journal.jsonl` has a line that identifies the run, then one line per commit, each with the hash of its
content. Each commit also has a file `journal.HASH.states` in the same folder. It contains the states and the payloads
of waiting packets, one after another; the line of the commit holds their lengths. Only the last commits are kept: a
restart needs no others, and states can be large. Every file is written under another name and then renamed, so that a
crash leaves either the old file or the new one. The states are written before the line that names their file.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.files.working_folder import CLAIM, PARTS, SAVED, WHOLE, bears_mark, working_folder
from pipeline.packet import Commit, HeldPacket
from pipeline.redaction import redacted_data
from pipeline.stage import Job, PlainError

KEPT = 2
"""Number of commits in the file: the last one, and the one before it, which is needed if no input follows the last
one."""
NAMES = "names3:"
"""Begins the identity of every run. It changes when stages or keys are renamed: their names are part of the hash in the
identity, so the identity of a run of an older version never matches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A commit as the journal keeps it.

    Attributes:
        packets: number of packets of the stream that are final.
        frames: frames in them.
        receipt: the fields of the sink's receipt.
        states: `state()` of the lane's ordered stages, by stage name.
        waiting: packets that stages held back, by `seq`.
    """

    packets: int
    frames: int
    receipt: Mapping[str, Any]
    states: Mapping[str, bytes]
    waiting: Mapping[int, HeldPacket] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Line:
    """The line of a commit, and the name of the file that holds its states."""

    text: str
    states: str


class Journal:
    """Keeps the last commits in a file; without a file (no output to resume) it keeps nothing.

    Args:
        path: of the file, or None.
        identity: of the run; a journal with another identity is foreign.
    """

    def __init__(self, path: Path | None, identity: str = "") -> None:
        self.path = path
        self.identity = identity
        self._lines: list[_Line] = []

    @classmethod
    def of(cls, job: Job, identity: str = "") -> Journal:
        """The journal of an input's result."""
        return cls(journal_path(job.output) if job.output else None, identity)

    def append(self, commit: Commit) -> None:
        """Write a commit and wait until it is on the disk. Raises PlainError if that fails."""
        if self.path is None:
            return
        states = b"".join([*commit.states.values(), *(one.payloads for one in commit.waiting.values())])
        name = _states_name(states)
        content = {
            "packets": commit.packets,
            "frames": commit.frames,
            "receipt": _plain(commit.receipt),
            "states": {stage: len(state) for stage, state in commit.states.items()},
            "waiting": [(seq, one.stage, len(one.payloads)) for seq, one in commit.waiting.items()],
            "file": name,
        }
        self._lines = [*self._lines, _Line(_line(content), name)][-KEPT:]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _put(self.path.with_name(name), states)
            self._write(self.path)
        except OSError as error:
            remedy = "free some space, then run again with --resume"
            full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            what = "the disk is full" if full else f"cannot be written ({error.strerror})"
            raise PlainError(what, str(self.path), remedy) from error

    def remove(self) -> None:
        """Delete the journal, because the result is complete, its finished part was saved under a name of its own, or a
        new run begins."""
        self._lines = []
        if self.path is None:
            return
        with contextlib.suppress(OSError):  # a folder with something else in it stays
            self.path.unlink(missing_ok=True)
            self._tidy(self.path)
            self.path.parent.rmdir()

    def drop_last(self) -> None:
        """Remove the last commit. Raises PlainError if that fails."""
        self._lines = self._lines[:-1]
        if self.path is not None and os.path.exists(self.path):
            self._write(self.path)

    def is_foreign(self) -> bool:
        """Whether it belongs to a run with another input, other settings or an older version of this program."""
        stored = self.stored_identity()
        return stored is not None and stored != self.identity

    def check(self) -> None:
        """Raises PlainError for a foreign journal."""
        if not self.is_foreign():
            return
        if str(self.stored_identity()).startswith(NAMES):
            what = "the parts that are there come from another input or from other settings"
            remedy = "give the command they were made with, or --overwrite to start anew"
        else:
            what = "the parts that are there come from an older version of this program and cannot be resumed"
            remedy = "resume with that version, or give --overwrite to start anew"
        raise PlainError(what, str(self.path and self.path.parent), remedy)

    def stored_identity(self) -> Any:
        """The identity in the file; None if there is no file or its first line is damaged."""
        lines = self._stored()
        content = _content(lines[0]) if lines else None
        return content.get("identity", "") if content else None

    def read(self) -> list[Record]:
        """The commits that were written completely, oldest first; new ones are appended to them."""
        self._lines = []
        records = []
        for line in self._stored()[1:]:
            content = _content(line)
            states = self._states(content.get("file", "")) if content else None
            if content is None or states is None:
                break
            records.append(_record(content, states))
            self._lines.append(_Line(f"{line}\n", content["file"]))
        return records

    def _states(self, name: str) -> bytes | None:
        """The bytes of a commit's states; None if the file is absent or does not fit its hash."""
        if self.path is None or not name:
            return None
        try:
            states = self.path.with_name(name).read_bytes()
        except OSError:
            return None
        return states if name == _states_name(states) else None

    def _stored(self) -> list[str]:
        stored = self.path is not None and os.path.exists(self.path)
        # A damaged byte must not hide the undamaged lines: only its own line fails the hash.
        return self.path.read_text(encoding="utf-8", errors="replace").splitlines() if stored and self.path else []

    def _write(self, path: Path) -> None:
        """Write the lines, then delete the states that no line names."""
        lines = [_line({"identity": self.identity}), *(line.text for line in self._lines)]
        _put(path, "".join(lines).encode())
        self._tidy(path)

    def _tidy(self, path: Path) -> None:
        kept = {line.states for line in self._lines}
        for file in path.parent.glob("journal.*.states"):
            if file.name not in kept:
                file.unlink(missing_ok=True)


def is_complete(output: str) -> bool:
    """Whether a result is complete: it has no journal, or got its name after the journal was written."""
    if not os.path.exists(journal_path(output)):
        return True
    return bears_mark(output, WHOLE)


def is_saved_so_far(output: str) -> bool:
    """Whether the file under a result's name is a recording that a resumed run continues."""
    return os.path.exists(journal_path(output)) and bears_mark(output, SAVED)


def remove_parts(output: str, mark: str = WHOLE) -> None:
    """Remove the parts that a run left when it was killed just after the result got its name. Does nothing unless the
    file under that name is the one that the mark describes."""
    folder = Path(working_folder(output))
    with contextlib.suppress(OSError):  # other files lie in the folder
        if bears_mark(output, mark):
            for part in (part for pattern in (*PARTS, CLAIM) for part in folder.glob(pattern)):
                part.unlink()
            folder.rmdir()


def has_parts(job: Job) -> bool:
    """Whether a run left parts of an input's result."""
    return bool(job.output) and journal_path(job.output or "").parent.is_dir()


def journal_path(output: str) -> Path:
    """Where the journal of a result lies."""
    return Path(working_folder(output)) / "journal.jsonl"


def _put(path: Path, content: bytes) -> None:
    """Write a file beside its final place, wait until it is on the disk, and rename it into place."""
    fresh = path.with_suffix(".fresh")
    try:
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _states_name(states: bytes) -> str:
    return f"journal.{hashlib.sha256(states).hexdigest()}.states"


def _record(content: Mapping[str, Any], states: bytes) -> Record:
    """A commit from its line and its states, which lie end to end in the order of the lengths in the line."""
    stored = io.BytesIO(states)
    return Record(
        packets=content["packets"],
        frames=content["frames"],
        receipt=content["receipt"],
        states={stage: stored.read(length) for stage, length in content["states"].items()},
        waiting={
            seq: HeldPacket(stage=stage, payloads=stored.read(length)) for seq, stage, length in content["waiting"]
        },
    )


def _line(content: Mapping[str, Any]) -> str:
    text = json.dumps(content)
    return json.dumps({"sha256": hashlib.sha256(text.encode()).hexdigest(), "content": text}) + "\n"


def _content(line: str) -> dict[str, Any] | None:
    """The content of a journal line, or None where its hash does not fit."""
    try:
        outer = json.loads(line)
        text: str = outer["content"]
        whole = hashlib.sha256(text.encode()).hexdigest() == outer["sha256"]
        return json.loads(text) if whole else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _plain(receipt: Any) -> dict[str, Any]:
    """A receipt's fields as values that JSON can store, without secrets."""
    fields = {spec.name: getattr(receipt, spec.name) for spec in dataclasses.fields(receipt)}
    plain: dict[str, Any] = redacted_data(json.loads(json.dumps(fields, default=str)))
    return plain
