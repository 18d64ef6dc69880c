"""Which annotations of a COCO file are of people: those whose category is called so, whatever its number."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.surface.body import COCO_KEYPOINTS
from pipeline.stage import StageError

PERSON = "person"
NAMED = 12
"""Categories that a sentence names at most."""
JOINTS = "eye|ear|shoulder|elbow|wrist|hip|knee|ankle"
MISSING = object()
Record = Mapping[str, Any]
Damaged = Callable[[Any, ValueError], None]
"""What is done about a record, and what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keypoints:
    """The keypoints that a category names: how many, and where COCO's 17 stand among them, -1 for nowhere."""

    count: int
    place_17: tuple[int, ...]

    @property
    def foreign(self) -> bool:
        """Whether none of them is COCO's."""
        return max(self.place_17) < 0

    def in_cocos_order(self, values: list[Any]) -> list[Any]:
        """COCO's 51 numbers of a record, zeros for what is not named. Raises: ValueError for a wrong count."""
        if len(values) != 3 * self.count:
            raise ValueError(f"its keypoints has {len(values)} values, its category names {self.count} keypoints")
        return [value for at in self.place_17 for value in (values[3 * at : 3 * at + 3] if at >= 0 else (0, 0, 0))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Categories:
    """The categories of a file.

    Attributes:
        people: those of people, number (as text) to name.
        others: all others, likewise.
        keypoints: by number, of the categories that name any.
    """

    people: Mapping[str, str]
    others: Mapping[str, str]
    keypoints: Mapping[str, Keypoints]

    def of_people(self, records: Sequence[Any], damaged: Damaged) -> list[Any]:
        """The records of people as COCO has them: keypoints in its order, each with an id of its own.

        What is no record at all stays, for its reader to say so; what is `damaged` here is left out.
        """
        people = []
        for record in filter(self._is_person, records):
            try:
                people.append(self._in_order(record))
            except ValueError as error:
                damaged(record, error)
        return list(_numbered(people))

    def note(self, file: Path, records: Sequence[Any]) -> str:
        """Which names counted as people, and what was left out of a file, in a sentence.

        Nothing is said of files as COCO's own, with people alone, under number 1.
        """
        foreign = any(one.foreign for number, one in self.keypoints.items() if number in self.people)
        lost = f"; its keypoints are none of COCO's {len(COCO_KEYPOINTS)} and are left out" if foreign else ""
        count: Counter[str] = Counter(self._name(one) for one in records if isinstance(one, Mapping))
        plain = dict(self.people) in ({}, {"1": PERSON}) and set(count) <= {PERSON}
        if plain and not self.others and not lost:
            return ""
        names = [name for name in dict.fromkeys(self.people.values()) if count[name]] or [PERSON]
        people = ", ".join(f"{name!r} ({count[name]})" for name in names)
        rest = [f"{name!r} ({found})" for name, found in count.most_common() if name not in names]
        left = f"; left out: {_some(rest)}" if rest else ""
        return f"{file.name}: people are the annotations of the category {people}{left}{lost}"

    def _is_person(self, record: Any) -> bool:
        if not isinstance(record, Mapping):
            return True
        number = record.get("category_id", MISSING)
        return not self.others if number is MISSING else number_of(number) in self.people

    def _name(self, record: Record) -> str:
        number = record.get("category_id", MISSING)
        if number is MISSING:
            return PERSON if not self.others else "without a category"
        return self.people.get(number_of(number)) or self.others.get(number_of(number)) or f"number {number}"

    def _in_order(self, record: Any) -> Any:
        """A record with COCO's keypoints, or without where its category names none of them. Raises: ValueError."""
        if not isinstance(record, Mapping):
            return record
        known = {key: value for key, value in record.items() if value is not None}
        number = number_of(known["category_id"]) if "category_id" in known else next(iter(self.people), "")
        named, values = self.keypoints.get(number), known.get("keypoints")
        if values == [] or (named is not None and named.foreign):
            return {key: value for key, value in known.items() if key not in ("keypoints", "num_keypoints")}
        if named is None or not isinstance(values, list):
            return known
        return {**known, "keypoints": named.in_cocos_order(values)}


def people_categories(document: Record, file: Path) -> Categories:
    """The categories of a COCO document. A file that knows no categories at all annotates people alone.

    Raises: StageError where no category is called "person", naming those that there are.
    """
    listed = document.get("categories")
    named = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    if not named:
        if any(isinstance(one, Mapping) and "category_id" in one for one in document["annotations"]):
            what = "names no categories, so that people cannot be told from other things"
            remedy = 'add "categories": [{"id": 1, "name": "person"}], with the category_id of its people as id'
            raise StageError(what, str(file), remedy)
        return Categories(people={}, others={}, keypoints={})
    people = {number_of(one.get("id")): str(one["name"]) for one in named if is_person(one.get("name"))}
    others = {number_of(one.get("id")): str(one.get("name")) for one in named if not is_person(one.get("name"))}
    if not people:
        found = _some([repr(name) for name in others.values()])
        what = f"has no category called {PERSON!r}; its categories are {found}"
        raise StageError(what, str(file), f"call the category of its people {PERSON!r}")
    if both := sorted(people.keys() & others.keys()):
        what = f"gives the category number {both[0]} to {people[both[0]]!r} and to {others[both[0]]!r}"
        raise StageError(what, str(file), "give each category a number of its own")
    keypoints = {number_of(one.get("id")): keypoints_called(one["keypoints"]) for one in named if one.get("keypoints")}
    return Categories(people=people, others=others, keypoints=keypoints)


def is_person(name: object) -> bool:
    """Whether a category is called person, in whatever case."""
    return isinstance(name, str) and name.strip().casefold() == PERSON


def number_of(value: object) -> str:
    """A category's number as text, in whichever of JSON's ways it is written: 1, 1.0, "1"."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def keypoints_called(names: object) -> Keypoints:
    """The keypoints that a category names in its way: `Left Hip`, `lhip`, `hip_left`."""
    listed = [_plain(name) for name in names] if isinstance(names, list) else []
    wanted = [_plain(name) for name in COCO_KEYPOINTS]
    return Keypoints(count=len(listed), place_17=tuple(listed.index(name) if name in listed else -1 for name in wanted))


def _plain(name: object) -> str:
    """A keypoint's name without what names are written differently in: `lhip` for the left hip."""
    letters = re.sub(r"[^a-z]", "", str(name).casefold())
    before = re.fullmatch(rf"(l|r)(?:eft|ight)?({JOINTS})", letters)
    after = re.fullmatch(rf"({JOINTS})(l|r)(?:eft|ight)?", letters)
    if before:
        return before[1] + before[2]
    return after[2] + after[1] if after else letters


def _numbered(records: Sequence[Any]) -> Iterator[Any]:
    """The records, those without an id, or with another's, under numbers that none has."""
    given = [one["id"] for one in records if isinstance(one, Mapping) and type(one.get("id")) is int]
    taken: set[int] = set()
    fresh = max(given, default=0) + 1
    for one in records:
        number = one.get("id") if isinstance(one, Mapping) else MISSING
        if isinstance(one, Mapping) and (number is None or (type(number) is int and number in taken)):
            yield {**one, "id": fresh}
            fresh += 1
            continue
        if type(number) is int:
            taken.add(number)
        yield one


def _some(names: Sequence[str]) -> str:
    """A list in words, no longer than a sentence bears."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
