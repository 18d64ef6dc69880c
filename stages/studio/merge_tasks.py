"""Records of several journals of one task as those of one: nothing is lost, and where two go apart it is said."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.files.json_file import parsed_json
from pipeline.stage import StageError
from stages.studio.work.action_messages import MAX_NAME

Record = dict[str, Any]
Key = tuple[str, str, bool]
"""Image, annotator, and whether it is a review."""


@dataclass(slots=True)
class MergedTask:
    """Records of several journals as those of one.

    Attributes:
        lists: the records that describe the task list.
        entries: what was done, by image, annotator and review; each in its order.
        conflicts: a sentence for each image on which one annotator's work goes apart between files.
    """

    lists: list[Record] = field(default_factory=list)
    entries: dict[Key, list[Record]] = field(default_factory=dict)
    conflicts: list[str] = field(default_factory=list)

    def add(self, records: Sequence[str], source: str) -> None:
        """Add the records of a journal.

        Work that goes on from what is known takes its place. Work that goes apart from it is kept under another name,
        such as `ann (2)`.

        `source`: names the journal in conflicts. Raises: StageError for a damaged record.
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
        for (image, who, review), mine in sorted(entries.items(), key=lambda one: one[0][2]):  # reviews last
            if review:
                mine = [_with_names(record, image, renamed) for record in mine]
            known = self.entries.get((image, who, review), [])
            shorter = min(len(known), len(mine))
            if known[:shorter] == mine[:shorter] or not (_is_begun(known) and _is_begun(mine)):
                self.entries[image, who, review] = max(known, mine, key=lambda one: (_is_begun(one), len(one)))
                continue
            name = self._free_name(image, who, review)
            renamed[image, who] = name
            self.entries[image, name, review] = [{**record, "who": name} for record in mine]
            same = next(k for k in range(shorter) if known[k] != mine[k])
            kind = "the review" if review else "the work"
            self.conflicts.append(
                f"{image}: {kind} of {who} goes apart after {same} steps; that of {source} is kept as {name}"
            )

    def records(self) -> Iterator[str]:
        """The records of the merged journal: the task lists, then all that was done, by time."""
        done = [record for mine in self.entries.values() for record in mine]
        done.sort(key=lambda record: float(record["at"]))
        for record in (*self.lists, *done):
            yield json.dumps(record, allow_nan=False, separators=(",", ":"))

    def copies(self) -> int:
        """The largest number of annotators of an image."""
        count: dict[str, int] = {}
        for (image, _, review), mine in self.entries.items():
            count[image] = count.get(image, 0) + (_is_begun(mine) and not review)
        return max([1, *count.values()])

    def _free_name(self, image: str, who: str, review: bool) -> str:
        number = 2
        while (image, f"{who[: MAX_NAME - 5]} ({number})", review) in self.entries:
            number += 1
        return f"{who[: MAX_NAME - 5]} ({number})"


def key_of(record: Mapping[str, Any]) -> Key:
    """Whose work a record is. Raises: KeyError for none."""
    return str(record["image"]), str(record["who"]), record.get("review") is True


def _is_begun(records: Sequence[Record]) -> bool:
    """Whether there is more than what an annotator finds in the image."""
    return any(isinstance(one["action"], str) or "do" in one["action"] for one in records)


def _with_names(record: Record, image: str, renamed: Mapping[tuple[str, str], str]) -> Record:
    """A reviewer's record with other names of annotators."""

    def changed(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: changed(one, name) for name, one in value.items()}
        if isinstance(value, list) and key == "people":
            return [[renamed.get((image, name), name), number] for name, number in value]
        if isinstance(value, list):
            return [changed(one) for one in value]
        if key in ("choice", "annotator") and isinstance(value, str):
            return renamed.get((image, value), value)
        return value

    return {**record, "action": changed(record["action"])}
