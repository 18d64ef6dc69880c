"""The committed parts of a result, with what a restart right after the last of them needs.

`OUT.partial/journal.jsonl`: a line that says which run it belongs to, then one line a commit, each with the hash of its
content. States, and the payloads of packets that wait, lie beside it in a file a commit, `journal.HASH.states`, end to
end; the line says which bytes are whose. Only the last commits are kept, since a restart needs no others and states can
be large. Every file is written anew beside the old one and put in its place, the states before the line that names
them, so that a crash leaves the one or the other.
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

from pipeline.addresses import discreet_data
from pipeline.packet import Commit, Waiting
from pipeline.stage import CLAIM, PARTS, WHOLE, Job, PlainError, working_folder

KEPT = 2
"""Commits in the file: the last one, and the one before for a crash right at the end of the input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A commit as the journal keeps it.

    Attributes:
        packets: of the stream, that stand for good.
        frames: frames in them.
        receipt: the fields of the sink's receipt.
        states: `state()` of the lane's ordered stages, by stage name.
        waiting: packets that stages held back, by `seq`.
    """

    packets: int
    frames: int
    receipt: Mapping[str, Any]
    states: Mapping[str, bytes]
    waiting: Mapping[int, Waiting] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Line:
    """A commit's line, and the name of the file of its states."""

    text: str
    states: str


class Journal:
    """Keeps the last commits in a file; one without a file (no output to resume) takes them and keeps nothing.

    Args:
        path: of the file, or None.
        identity: of the run: what is read must bear the same.
    """

    def __init__(self, path: Path | None, identity: str = "") -> None:
        self.path = path
        self._identity = identity
        self._lines: list[_Line] = []

    @classmethod
    def of(cls, job: Job, identity: str = "") -> Journal:
        """The journal of an input's result."""
        return cls(journal_path(job.output) if job.output else None, identity)

    def append(self, commit: Commit) -> None:
        """Write a commit and wait until it is on the disk. Raises PlainError where the disk refuses."""
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
        """The result is whole, or its finished part is kept under a name of its own, or another run begins."""
        self._lines = []
        if self.path is None:
            return
        with contextlib.suppress(OSError):  # a folder with something else in it stays
            self.path.unlink(missing_ok=True)
            self._tidy(self.path)
            self.path.parent.rmdir()

    def drop_last(self) -> None:
        """Forget the last commit. Raises PlainError where the disk refuses."""
        self._lines = self._lines[:-1]
        if self.path is not None and os.path.exists(self.path):
            self._write(self.path)

    def is_foreign(self) -> bool:
        """Whether it is of a run with another input or other settings."""
        lines = self._stored()
        known = _content(lines[0]) if lines else None
        return known is not None and known.get("identity") != self._identity

    def check(self) -> None:
        """Raises PlainError for a journal of a run with another input or other settings."""
        if self.is_foreign():
            what = "the parts that are there come from another input or from other settings"
            remedy = "give the command they were made with, or --overwrite to start anew"
            raise PlainError(what, str(self.path and self.path.parent), remedy)

    def read(self) -> list[Record]:
        """The commits that were written whole, oldest first; what is appended follows them."""
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
        """The bytes of a commit's states; None where they are not those that its line names."""
        if self.path is None or not name:
            return None
        try:
            states = self.path.with_name(name).read_bytes()
        except OSError:
            return None
        return states if name == _states_name(states) else None

    def _stored(self) -> list[str]:
        stored = self.path is not None and os.path.exists(self.path)
        # A damaged byte must not hide what is whole: its line fails its hash.
        return self.path.read_text(encoding="utf-8", errors="replace").splitlines() if stored and self.path else []

    def _write(self, path: Path) -> None:
        """The lines, and then no states but theirs."""
        lines = [_line({"identity": self._identity}), *(line.text for line in self._lines)]
        _put(path, "".join(lines).encode())
        self._tidy(path)

    def _tidy(self, path: Path) -> None:
        kept = {line.states for line in self._lines}
        for file in path.parent.glob("journal.*.states"):
            if file.name not in kept:
                file.unlink(missing_ok=True)


def stands_whole(output: str) -> bool:
    """Whether a result is there that no run will go on with: there is no journal, or it got its name after that."""
    if not os.path.exists(journal_path(output)):
        return True
    return _is_marked_whole(output)


def remove_parts(output: str) -> None:
    """Remove what a run left that was killed right after its result had its name."""
    folder = Path(working_folder(output))
    with contextlib.suppress(OSError):  # something else lies in it
        if _is_marked_whole(output):
            for part in (part for pattern in (*PARTS, CLAIM) for part in folder.glob(pattern)):
                part.unlink()
            folder.rmdir()


def _is_marked_whole(output: str) -> bool:
    """Whether the mark of a whole result fits the file under its name."""
    try:
        mark = json.loads((Path(working_folder(output)) / WHOLE).read_text(encoding="utf-8"))
        facts = os.stat(output)
    except (OSError, ValueError):
        return False
    return mark == {"size": facts.st_size, "mtime_ns": facts.st_mtime_ns}


def journal_path(output: str) -> Path:
    """Where the journal of a result lies."""
    return Path(working_folder(output)) / "journal.jsonl"


def _put(path: Path, content: bytes) -> None:
    """Write a file beside its name, wait until it is on the disk, and put it in its place."""
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
    """A commit from its line and its states: the lengths of all of them, in order, say which bytes are whose."""
    stored = io.BytesIO(states)
    return Record(
        packets=content["packets"],
        frames=content["frames"],
        receipt=content["receipt"],
        states={stage: stored.read(length) for stage, length in content["states"].items()},
        waiting={seq: Waiting(stage=stage, payloads=stored.read(length)) for seq, stage, length in content["waiting"]},
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
    """A receipt's fields as JSON knows them."""
    fields = {spec.name: getattr(receipt, spec.name) for spec in dataclasses.fields(receipt)}
    plain: dict[str, Any] = discreet_data(json.loads(json.dumps(fields, default=str)))
    return plain
