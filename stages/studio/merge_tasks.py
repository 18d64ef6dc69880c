"""Merges the records of several journals of one task. All work is kept; conflicts are listed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from models.files.json_file import parsed_json
from pipeline.stage import StageError
from stages.studio.work.action_messages import MAX_NAME

Record = dict[str, Any]
Key = tuple[str, str, bool]
"""Image, annotator, and whether it is a review."""


@dataclass(slots=True)
class MergedTask:
    """The merged records of several journals.

    Attributes:
        lists: the records that describe the task list.
        entries: the annotators' actions, by image, annotator and review; each in its order.
        conflicts: a sentence for each image on which two journals have different work of the same annotator.
    """

    lists: list[Record] = field(default_factory=list)
    entries: dict[Key, list[Record]] = field(default_factory=dict)
    conflicts: list[str] = field(default_factory=list)

    def add(self, records: Sequence[str], source: str) -> None:
        """Add the records of a journal.

        Work that continues known work replaces it. Other work of the same annotator is kept under another name, such
        as `ann (2)`, or continues what is known under such a name.

        `source`: name of the journal in conflicts. Raises: StageError for a damaged record.
        """
        entries: dict[Key, list[Record]] = {}
        for number, text in enumerate(records, start=1):
            try:
                record = parsed_json(text)
                if "images" in record:
                    self.lists.append(record)
                else:
                    entries.setdefault(key_of(record), []).append(record)
            except (ValueError, KeyError, TypeError) as error:
                raise StageError(f"record {number} is damaged ({error})", source, "restore a copy of it") from error
        renamed: dict[tuple[str, str], str] = {}
        for (image, annotator, review), steps in sorted(entries.items(), key=lambda entry: entry[0][2]):  # reviews last
            if review:
                steps = [_with_names(record, image, renamed) for record in steps]
            name, known = annotator, self.entries.get((image, annotator, review), [])
            both, number = zip(known, steps, strict=False), 1
            while not _is_one_work(known, steps):
                number += 1
                name = f"{annotator[: MAX_NAME - 5]} ({number})"
                steps = [{**record, "who": name} for record in steps]
                known = self.entries.get((image, name, review), [])
            self.entries[image, name, review] = max(known, steps, key=lambda work: (_is_begun(work), len(work)))
            if number == 1:
                continue
            renamed[image, annotator] = name
            same = next(k for k, (record, other) in enumerate(both) if record != other)
            kind = "the review" if review else "the work"
            self.conflicts.append(
                f"{image}: {kind} of {annotator} goes apart after {same} steps; that of {source} is kept as {name}"
            )

    def records(self) -> Iterator[str]:
        """The records of the merged journal: the task lists, then all actions by time."""
        done: list[tuple[float, Record]] = []
        for steps in self.entries.values():  # in their order, also where a clock was set back
            done += zip(accumulate((float(record["at"]) for record in steps), max), steps, strict=True)
        done.sort(key=lambda timed: timed[0])
        for record in (*self.lists, *(record for _, record in done)):
            yield json.dumps(record, allow_nan=False, separators=(",", ":"))

    def copies(self) -> int:
        """The largest number of annotators of an image."""
        count: dict[str, int] = {}
        for (image, _, review), steps in self.entries.items():
            count[image] = count.get(image, 0) + (_is_begun(steps) and not review)
        return max([1, *count.values()])


def key_of(record: Mapping[str, Any]) -> Key:
    """Image, annotator and review of a record. Raises: KeyError for a record without them."""
    return str(record["image"]), str(record["who"]), record.get("review") is True


def _is_one_work(known: Sequence[Record], steps: Sequence[Record]) -> bool:
    """Whether one of two histories continues the other, or one of them is not begun."""
    shorter = min(len(known), len(steps))
    return known[:shorter] == steps[:shorter] or not (_is_begun(known) and _is_begun(steps))


def _is_begun(records: Sequence[Record]) -> bool:
    """Whether an annotator did more than open the image."""
    return any(isinstance(record["action"], str) or "do" in record["action"] for record in records)


def _with_names(record: Record, image: str, renamed: Mapping[tuple[str, str], str]) -> Record:
    """A reviewer's record with the new names of renamed annotators."""

    def changed(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: changed(entry, name) for name, entry in value.items()}
        if isinstance(value, list) and key == "people":
            return [[renamed.get((image, name), name), number] for name, number in value]
        if isinstance(value, list):
            return [changed(entry) for entry in value]
        if key in ("choice", "annotator") and isinstance(value, str):
            return renamed.get((image, value), value)
        return value

    return {**record, "action": changed(record["action"])}
