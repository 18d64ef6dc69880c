"""Categories of COCO files: annotations of people are those of the category with the name "person", of any id."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.body.open_body import COCO_KEYPOINTS
from pipeline.stage import StageError

PERSON = "person"
MAX_NAMES = 12
"""Maximum number of categories to list in a message."""
JOINTS = "eye|ear|shoulder|elbow|wrist|hip|knee|ankle"
MISSING = object()
Record = Mapping[str, Any]
OnDamage = Callable[[Any, ValueError], None]
"""Called with a damaged record and its error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keypoints:
    """The keypoints of a category: their number, and the index of each of COCO's 17 among them, -1 if absent."""

    count: int
    index_17: tuple[int, ...]

    @property
    def none_of_coco(self) -> bool:
        """Whether none of them is one of COCO's 17."""
        return max(self.index_17) < 0

    def in_coco_order(self, values: list[Any]) -> list[Any]:
        """COCO's 51 numbers of a record, zeros for absent keypoints. Raises: ValueError for a wrong count."""
        if len(values) != 3 * self.count:
            raise ValueError(f"its keypoints have {len(values)} values, but its category names {self.count} keypoints")
        return [value for at in self.index_17 for value in (values[3 * at : 3 * at + 3] if at >= 0 else (0, 0, 0))]

    def with_joint(self, values: list[Any], joint: int, numbers: Sequence[Any]) -> list[Any]:
        """A record's keypoints with COCO's joint set to x, y and visibility; the same where the category lacks it."""
        at = self.index_17[joint]
        return values if at < 0 else [*values[: 3 * at], *numbers, *values[3 * at + 3 :]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Categories:
    """The categories of a file.

    Attributes:
        people: names of the categories of people, by id (as text).
        others: names of all other categories, by id.
        keypoints: by id, of the categories that name keypoints.
    """

    people: Mapping[str, str]
    others: Mapping[str, str]
    keypoints: Mapping[str, Keypoints]

    def of_people(self, records: Sequence[Any], damaged: OnDamage) -> list[Any]:
        """The records of people in COCO's form: keypoints in its order, each with a unique id.

        Entries that are no records stay, and their reader reports them. Damaged records are passed to `damaged`.
        """
        people = []
        for record in filter(self.is_of_person, records):
            try:
                people.append(self._in_order(record))
            except ValueError as error:
                damaged(record, error)
        return list(_numbered(people))

    def note(self, file: Path, records: Sequence[Any]) -> str:
        """A message: which categories count as people, and which were left out.

        Empty for files like COCO's own, with people alone, under id 1.
        """
        unknown = any(one.none_of_coco for number, one in self.keypoints.items() if number in self.people)
        lost = f"; its keypoints are none of COCO's {len(COCO_KEYPOINTS)} and are left out" if unknown else ""
        count: Counter[str] = Counter(self._name(one) for one in records if isinstance(one, Mapping))
        plain = dict(self.people) in ({}, {"1": PERSON}) and set(count) <= {PERSON}
        if plain and not self.others and not lost:
            return ""
        names = [name for name in dict.fromkeys(self.people.values()) if count[name]] or [PERSON]
        people = ", ".join(f"{name!r} ({count[name]})" for name in names)
        rest = [f"{name!r} ({found})" for name, found in count.most_common() if name not in names]
        left = f"; left out: {_some(rest)}" if rest else ""
        return f"{file.name}: people are the annotations of the category {people}{left}{lost}"

    def is_of_person(self, record: Any) -> bool:
        """Whether a record is of a category of people. Entries that are no records are: their reader reports them."""
        if not isinstance(record, Mapping):
            return True
        number = record.get("category_id", MISSING)
        return not self.others if number is MISSING else id_text(number) in self.people

    def _name(self, record: Record) -> str:
        number = record.get("category_id", MISSING)
        if number is MISSING:
            return PERSON if not self.others else "without a category"
        return self.people.get(id_text(number)) or self.others.get(id_text(number)) or f"id {number}"

    def _in_order(self, record: Any) -> Any:
        """A record with keypoints in COCO's order, or without any where its category names none of COCO's."""
        if not isinstance(record, Mapping):
            return record
        known = {key: value for key, value in record.items() if value is not None}
        number = id_text(known["category_id"]) if "category_id" in known else next(iter(self.people), "")
        named, values = self.keypoints.get(number), known.get("keypoints")
        if values == [] or (named is not None and named.none_of_coco):
            return {key: value for key, value in known.items() if key not in ("keypoints", "num_keypoints")}
        if named is None or not isinstance(values, list):
            return known
        return {**known, "keypoints": named.in_coco_order(values)}


def people_categories(document: Record, file: Path) -> Categories:
    """The categories of a COCO document. A document without categories annotates people alone.

    Raises: StageError if no category has the name "person"; the message lists the categories.
    """
    listed = document.get("categories")
    named = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    if not named:
        if any(isinstance(one, Mapping) and "category_id" in one for one in document["annotations"]):
            what = "has category ids but no list of categories, so that its people are unknown"
            remedy = 'add "categories": [{"id": 1, "name": "person"}], with the category_id of its people as the id'
            raise StageError(what, str(file), remedy)
        return Categories(people={}, others={}, keypoints={})
    people = {id_text(one.get("id")): str(one["name"]) for one in named if is_person(one.get("name"))}
    others = {id_text(one.get("id")): str(one.get("name")) for one in named if not is_person(one.get("name"))}
    if not people:
        found = _some([repr(name) for name in others.values()])
        what = f"has no category with the name {PERSON!r}; its categories are {found}"
        raise StageError(what, str(file), f"rename the category of its people to {PERSON!r}")
    if both := sorted(people.keys() & others.keys()):
        what = f"gives the category id {both[0]} to {people[both[0]]!r} and to {others[both[0]]!r}"
        raise StageError(what, str(file), "give each category a unique id")
    keypoints = {id_text(one.get("id")): category_keypoints(one["keypoints"]) for one in named if one.get("keypoints")}
    return Categories(people=people, others=others, keypoints=keypoints)


def is_person(name: object) -> bool:
    """Whether the name of a category is "person", in any case."""
    return isinstance(name, str) and name.strip().casefold() == PERSON


def id_text(value: object) -> str:
    """A category id as text, equal for the JSON values 1, 1.0 and "1"."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def category_keypoints(names: object) -> Keypoints:
    """The keypoints of a category, in any spelling: `Left Hip`, `lhip`, `hip_left`."""
    listed = [_normalized(name) for name in names] if isinstance(names, list) else []
    wanted = [_normalized(name) for name in COCO_KEYPOINTS]
    return Keypoints(count=len(listed), index_17=tuple(listed.index(name) if name in listed else -1 for name in wanted))


def _normalized(name: object) -> str:
    """A keypoint's name in one spelling: `lhip` for the left hip."""
    letters = re.sub(r"[^a-z]", "", str(name).casefold())
    before = re.fullmatch(rf"(l|r)(?:eft|ight)?({JOINTS})", letters)
    after = re.fullmatch(rf"({JOINTS})(l|r)(?:eft|ight)?", letters)
    if before:
        return before[1] + before[2]
    return after[2] + after[1] if after else letters


def _numbered(records: Sequence[Any]) -> Iterator[Any]:
    """The records; those with a missing or repeated id get a new one."""
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
    """A list as text, of MAX_NAMES items at most."""
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more
