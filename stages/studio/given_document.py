"""Writes the result into the annotation file with which the work began; unchanged records stay as they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stages.annotations.coco_categories import Keypoints
from stages.annotations.densepose_coco import POINT_KEYS, VERTEX_KEYS, AnnotatedPerson, image_record, person_record
from stages.studio.image_results import ImageResult, ResultPerson, image_result, points_in_order
from stages.studio.people_file import annotated_person, image_entry, studio_info
from stages.studio.work.sheet import PersonWork
from stages.studio.work.task_list import TaskImage, TaskList

SURFACE_FIELDS = ("bbox", *POINT_KEYS, *VERTEX_KEYS, "dp_masks")
"""They change together: points and part masks are relative to the box."""
MASK_FIELDS = ("segmentation", "area")
COCO_KEYPOINT_FIELD = "coco_keypoints"
"""Field for COCO's keypoints of a person whose category names other keypoints."""
Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenPerson:
    """A person of the file.

    Attributes:
        row: index among the file's annotations.
        person: as it was read: keypoints in COCO's order, points on the open body.
        moved: whether its points differ from those of the file: they were converted or left out.
    """

    row: int
    person: AnnotatedPerson
    moved: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GivenFile:
    """The annotation file with which the work began.

    Attributes:
        document: its parsed JSON.
        people: of each image, by the image's index in the file; in the order of their numbers on a sheet.
        rows: index of each image in the file, by the name of the task's image.
        category: id of the category of new people; None where the file has no categories.
        keypoints: of that category; None where it names none.
    """

    document: Record
    people: Mapping[int, Sequence[GivenPerson]]
    rows: Mapping[str, int]
    category: Any = None
    keypoints: Keypoints | None = None


def document_with_results(given: GivenFile, tasks: TaskList, rank: int = 0) -> tuple[dict[str, Any], int]:
    """The file's document with the result of a rank of annotators in it, and its number of people.

    Unchanged images, annotations, categories and fields stay as they are, with their ids; new ones get ids after those.
    An image that is unfinished or left out has `complete: false`. For a rank above 0 the document has only the images
    that this rank annotated.
    """
    results = {
        image.name: image_result(tasks, image.name, rank) for image in tasks.images if not image.gold
    }
    images, annotations = _Rows(given.document["images"]), _Rows(given.document["annotations"])
    for rows in given.people.values():
        for person in rows:
            annotations.kept[person.row] = _converted(annotations.kept[person.row], person)
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
            given_people = given.people.get(row, ())
            people += len(result.people) - len(given_people)
            _put(given, given_people, image, result, annotations, images.record(row)["id"])
    changed = {"info": _info(given.document, tasks), "images": images.all(), "annotations": annotations.all()}
    document = {**given.document, **changed}
    if rank == 0:
        return document, people
    annotated = {name for name, result in results.items() if result.state in ("open", "finished")}
    return _restricted(document, annotated, given)


class _Rows:
    """A list of records that can be changed and removed; new ones are added at the end."""

    def __init__(self, records: Sequence[Any]) -> None:
        self.kept: dict[int, Record] = dict(enumerate(records))
        ids = [record["id"] for record in records if isinstance(record, Mapping) and type(record.get("id")) is int]
        self.fresh = max(ids, default=0) + 1

    def add(self, record: Record) -> int:
        """Add a record with the id `fresh`; returns its row."""
        row = max(self.kept, default=-1) + 1
        self.kept[row] = record
        self.fresh += 1
        return row

    def record(self, row: int) -> Record:
        """The record of a row."""
        return self.kept[row]

    def all(self) -> list[Record]:
        """The remaining records, in order."""
        return list(self.kept.values())


def _put(
    given: GivenFile, given_people: Sequence[GivenPerson], image: TaskImage, result: ImageResult, annotations: _Rows,
    image_id: Any,
) -> None:
    """Put the people of an image into the annotations: change and remove given people, add new ones at the end."""
    unused = dict(enumerate(given_people, start=1))
    for person in result.people:
        found = unused.pop(person.number, None) if person.start is not None else None
        if found is not None:
            annotations.kept[found.row] = _merged(annotations.kept[found.row], person, image, given.keypoints)
        else:
            made = person_record(annotated_person(person, image, annotations.fresh, image_id))
            annotations.add(_of_category(made, given))
    for found in unused.values():
        del annotations.kept[found.row]


def _image(record: Record, result: ImageResult) -> Record:
    rest = {key: value for key, value in record.items() if key != "complete"}
    return rest if result.state == "finished" else {**rest, "complete": False}


def _info(document: Record, tasks: TaskList) -> Record:
    given = document.get("info")
    known = given if isinstance(given, Mapping) else {} if given is None else {"given": given}
    return {**known, **studio_info(tasks)}


def _restricted(document: dict[str, Any], names: set[str], given: GivenFile) -> tuple[dict[str, Any], int]:
    """The document with only the named images and new ones, and its number of people."""
    rows = {given.rows[name] for name in names if name in given.rows}
    first = len(given.document["images"])
    images = [record for row, record in enumerate(document["images"]) if row in rows or row >= first]
    known = {record["id"] for record in images}
    records = (record for record in document["annotations"] if isinstance(record, Mapping))
    annotations = [record for record in records if record.get("image_id") in known]
    return {**document, "images": images, "annotations": annotations}, len(annotations)


def _converted(record: Record, given: GivenPerson) -> Record:
    """A record with the points as they were read, where reading changed them."""
    if not given.moved:
        return record
    return _replaced(record, (*POINT_KEYS, *VERTEX_KEYS), person_record(given.person))


def _replaced(record: Record, keys: Sequence[str], other: Record) -> dict[str, Any]:
    """The record with the fields `keys` of another record; fields that the other lacks are removed."""
    rest = {key: value for key, value in record.items() if key not in keys}
    return {**rest, **{key: other[key] for key in keys if key in other}}


def _of_category(record: Record, given: GivenFile) -> Record:
    """A new person's record with the category and the keypoints of the file."""
    found = {key: value for key, value in record.items() if key != "category_id"}
    if given.category is not None:
        found["category_id"] = given.category
    values = found.get("keypoints")
    if values is not None and given.keypoints is not None:
        joints = {joint: values[3 * joint : 3 * joint + 3] for joint in range(len(values) // 3)}
        return _with_joints({**found, "keypoints": []}, joints, given.keypoints)
    return found


def _merged(record: Record, person: ResultPerson, image: TaskImage, keypoints: Keypoints | None) -> Record:
    """The record of a person with an annotator's changes; the same object without changes."""
    start, work = person.start, person.work
    assert start is not None
    made = person_record(annotated_person(person, image, 0, 0))
    found: dict[str, Any] = dict(record)
    for keys in _changed_fields(start, work):
        found = _replaced(found, keys, made)
    joints = {
        joint: (round(keypoint.x, 2), round(keypoint.y, 2), keypoint.visibility) if keypoint.visibility else (0, 0, 0)
        for joint, keypoint in work.keypoints.items() if start.keypoints.get(joint) != keypoint
    }
    found = _with_joints(found, joints, keypoints)
    about = record.get("dp_annotation")
    known = {key: value for key, value in about.items() if key != "review"} if isinstance(about, Mapping) else {}
    if found == record and list(_verdicts(start)) == list(_verdicts(work)):
        review = person.about.get("review")
        return record if review is None else {**record, "dp_annotation": {**known, "review": review}}
    return {**found, "dp_annotation": {**known, **person.about}}


def _changed_fields(start: PersonWork, work: PersonWork) -> Iterator[Sequence[str]]:
    """The groups of fields that an annotator changed."""
    kind_changed = start.kind != work.kind
    points = [[pair for pair in _verdicts(version) if pair[1].verdict == "surface"] for version in (start, work)]
    if kind_changed or start.box_4 != work.box_4 or start.parts != work.parts or points[0] != points[1]:
        yield SURFACE_FIELDS
    if kind_changed or start.outline != work.outline or (work.outline is None and start.parts != work.parts):
        yield MASK_FIELDS
    if kind_changed:
        yield ("iscrowd",)


def _verdicts(work: PersonWork) -> Iterator[tuple[Any, Any]]:
    """Pixel and answer of each answered point of a person."""
    return (((point.x, point.y), point.answer) for point in points_in_order(work) if point.answer is not None)


def _with_joints(
    record: dict[str, Any], joints: Mapping[int, Sequence[Any]], named: Keypoints | None
) -> dict[str, Any]:
    """The record with changed keypoints, in the order of the category's names.

    Args:
        joints: x, y, visibility by COCO's number of the joint.
        named: the category's keypoints; None: COCO's.
    """
    if not joints:
        return record
    key = COCO_KEYPOINT_FIELD if named is not None and named.none_of_coco else "keypoints"
    order = named if named is not None and key == "keypoints" else Keypoints(count=17, index_17=tuple(range(17)))
    values = record.get(key)
    if not isinstance(values, list) or len(values) != 3 * order.count:
        values = [0] * (3 * order.count)
    for joint, numbers in joints.items():
        values = order.with_joint(values, joint, numbers)
    count = {} if key == COCO_KEYPOINT_FIELD else {"num_keypoints": sum(1 for seen in values[2::3] if seen)}
    return {**record, key: values, **count}
