"""The file with which the work began, with the result in it: what nobody changed stays as its makers wrote it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stages.annotations.coco_categories import Keypoints
from stages.annotations.densepose_coco import POINT_KEYS, AnnotatedPerson, image_record, person_record
from stages.studio.image_results import ImageResult, ResultPerson, image_result, points_in_order
from stages.studio.people_file import annotated_person, image_entry, studio_info
from stages.studio.work.sheet import PersonWork
from stages.studio.work.task_list import TaskImage, TaskList

PLACE = ("bbox", *POINT_KEYS, "dp_masks")
MASK = ("segmentation", "area")
JOINTS = ("keypoints", "num_keypoints")
OWN_JOINTS = "coco_keypoints"
"""COCO's keypoints of a person whose category has others."""
Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenPerson:
    """A person of the file.

    Attributes:
        row: index among the file's annotations.
        person: as it was read: keypoints in COCO's order, points on the open body.
        moved: its points are other than in the file.
    """

    row: int
    person: AnnotatedPerson
    moved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GivenFile:
    """The file.

    Attributes:
        document: its parsed JSON.
        people: by the index of their image, in the order of their numbers on a sheet.
        rows: index of the image among the file's images, by the name of the task's image.
        category: id of the category of new people; None where the file has no categories.
        keypoints: those of that category, where it names any.
    """

    document: Record
    people: Mapping[int, Sequence[GivenPerson]]
    rows: Mapping[str, int]
    category: Any = None
    keypoints: Keypoints | None = None


def document_with_results(given: GivenFile, tasks: TaskList, rank: int = 0) -> tuple[dict[str, Any], int]:
    """The file's document with the result of a rank of annotators in it, and its number of people.

    Images, annotations, categories and fields that nobody changed are as they came, with their ids; what is new gets
    ids after those. An image that is not finished, or left out, has `complete: false`. Of further ranks only the images
    that they annotated are in it.
    """
    results = {
        image.name: image_result(tasks, image.name, rank) for image in tasks.images if not image.gold
    }
    images, annotations = _Rows(given.document["images"]), _Rows(given.document["annotations"])
    for rows in given.people.values():
        for one in rows:
            annotations.kept[one.row] = _converted(annotations.kept[one.row], one)
    people = sum(map(len, given.people.values()))
    for image in tasks.images:
        result = results.get(image.name, ImageResult(state="untouched"))
        row = given.rows.get(image.name)
        if result.state == "untouched" or (row is None and result.state == "skipped"):
            continue
        if row is None:
            row = images.add(image_record(image_entry(image, images.fresh, result)))
        else:
            images.kept[row] = _image(images.kept[row], result)
        if result.state != "skipped":
            mine = given.people.get(row, ())
            people += len(result.people) - len(mine)
            _put(given, mine, image, result, annotations, images.record(row)["id"])
    changed = {"info": _info(given.document, tasks), "images": images.all(), "annotations": annotations.all()}
    document = {**given.document, **changed}
    if rank == 0:
        return document, people
    return _restricted(document, {name for name, one in results.items() if one.state in ("open", "finished")}, given)


class _Rows:
    """Records of a list, of which some are changed or removed, and new ones after them."""

    def __init__(self, records: Sequence[Any]) -> None:
        self.kept: dict[int, Record] = dict(enumerate(records))
        ids = [one["id"] for one in records if isinstance(one, Mapping) and type(one.get("id")) is int]
        self.fresh = max(ids, default=0) + 1

    def add(self, record: Record) -> int:
        """Add a record whose id is `fresh`; returns its row."""
        row = max(self.kept, default=-1) + 1
        self.kept[row] = record
        self.fresh += 1
        return row

    def record(self, row: int) -> Record:
        """The record of a row."""
        return self.kept[row]

    def all(self) -> list[Record]:
        """All that is kept, in order."""
        return list(self.kept.values())


def _put(
    given: GivenFile, mine: Sequence[GivenPerson], image: TaskImage, result: ImageResult, annotations: _Rows,
    image_id: Any,
) -> None:
    """The people of an image: changed ones in their rows, removed ones taken away, new ones at the end."""
    left = dict(enumerate(mine, start=1))
    for one in result.people:
        found = left.pop(one.number, None) if one.start is not None else None
        if found is not None:
            annotations.kept[found.row] = _merged(annotations.kept[found.row], one, image, given.keypoints)
        else:
            made = person_record(annotated_person(one, image, annotations.fresh, image_id))
            annotations.add(_of_category(made, given))
    for found in left.values():
        del annotations.kept[found.row]


def _image(record: Record, result: ImageResult) -> Record:
    rest = {key: value for key, value in record.items() if key != "complete"}
    return rest if result.state == "finished" else {**rest, "complete": False}


def _info(document: Record, tasks: TaskList) -> Record:
    given = document.get("info")
    known = given if isinstance(given, Mapping) else {} if given is None else {"given": given}
    return {**known, **studio_info(tasks)}


def _restricted(document: dict[str, Any], names: set[str], given: GivenFile) -> tuple[dict[str, Any], int]:
    """The document with some images alone."""
    rows = {given.rows[name] for name in names if name in given.rows}
    first = len(given.document["images"])
    images = [one for row, one in enumerate(document["images"]) if row in rows or row >= first]
    known = {one["id"] for one in images}
    annotations = [one for one in document["annotations"] if isinstance(one, Mapping) and one.get("image_id") in known]
    return {**document, "images": images, "annotations": annotations}, len(annotations)


def _converted(record: Record, one: GivenPerson) -> Record:
    """A record with the points that were read, where these are not its own."""
    if not one.moved:
        return record
    return _replaced(record, POINT_KEYS, person_record(one.person))


def _replaced(record: Record, keys: Sequence[str], other: Record) -> dict[str, Any]:
    """The record with some fields of another one, and without those that the other lacks."""
    rest = {key: value for key, value in record.items() if key not in keys}
    return {**rest, **{key: other[key] for key in keys if key in other}}


def _of_category(record: Record, given: GivenFile) -> Record:
    """A new person's record in the words of the file."""
    found = {key: value for key, value in record.items() if key != "category_id"}
    if given.category is not None:
        found["category_id"] = given.category
    values = found.get("keypoints")
    if values is not None and given.keypoints is not None:
        joints = {joint: values[3 * joint : 3 * joint + 3] for joint in range(len(values) // 3)}
        return _with_joints({**found, "keypoints": []}, joints, given.keypoints)
    return found


def _merged(record: Record, one: ResultPerson, image: TaskImage, keypoints: Keypoints | None) -> Record:
    """The record of a person with what an annotator changed of them; the same record where that is nothing."""
    start, work = one.start, one.work
    assert start is not None
    made = person_record(annotated_person(one, image, 0, 0))
    found: dict[str, Any] = dict(record)
    for keys in _changed_fields(start, work):
        found = _replaced(found, keys, made)
    joints = {
        joint: (round(at.x, 2), round(at.y, 2), at.visibility) if at.visibility else (0, 0, 0)
        for joint, at in work.keypoints.items() if start.keypoints.get(joint) != at
    }
    found = _with_joints(found, joints, keypoints)
    about = record.get("dp_annotation")
    known = {key: value for key, value in about.items() if key != "review"} if isinstance(about, Mapping) else {}
    if found == record and list(_verdicts(start)) == list(_verdicts(work)):
        review = one.about.get("review")
        return record if review is None else {**record, "dp_annotation": {**known, "review": review}}
    return {**found, "dp_annotation": {**known, **one.about}}


def _changed_fields(start: PersonWork, work: PersonWork) -> Iterator[Sequence[str]]:
    """The groups of fields that an annotator's changes concern."""
    kind = start.kind != work.kind
    places = [[pair for pair in _verdicts(one) if pair[1].verdict == "surface"] for one in (start, work)]
    if kind or start.box_4 != work.box_4 or start.parts != work.parts or places[0] != places[1]:
        yield PLACE
    if kind or start.outline != work.outline or (work.outline is None and start.parts != work.parts):
        yield MASK
    if kind:
        yield ("iscrowd",)


def _verdicts(work: PersonWork) -> Iterator[tuple[Any, Any]]:
    """The answers of a person with their pixels."""
    return (((one.x, one.y), one.answer) for one in points_in_order(work) if one.answer is not None)


def _with_joints(
    record: dict[str, Any], joints: Mapping[int, Sequence[Any]], named: Keypoints | None
) -> dict[str, Any]:
    """The record with some of COCO's joints, in the order of the category's names."""
    if not joints:
        return record
    key = OWN_JOINTS if named is not None and named.none_of_coco else "keypoints"
    order = named if named is not None and key == "keypoints" else Keypoints(count=17, index_17=tuple(range(17)))
    values = record.get(key)
    if not isinstance(values, list) or len(values) != 3 * order.count:
        values = [0] * (3 * order.count)
    for joint, numbers in joints.items():
        values = order.with_joint(values, joint, numbers)
    count = {} if key == OWN_JOINTS else {"num_keypoints": sum(1 for seen in values[2::3] if seen)}
    return {**record, key: values, **count}
