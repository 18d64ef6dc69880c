"""From a task list to a DensePose-COCO file: a pure function of the work that remains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from models.arrays import U8
from models.body.open_body import COCO_KEYPOINTS
from models.metrics.instances import AnnotatedPoints
from stages.annotations.coco_masks import encode_mask
from stages.annotations.densepose_coco import KEYPOINTS, PART_MASKS, AnnotatedImage, AnnotatedPerson, DenseSet
from stages.annotations.point_picking import POINT_RANGE, resample_to_box_grid
from stages.studio.work.sheet import AskedPoint, PersonWork, WorkAmount, WorkSheet, amount_of
from stages.studio.work.task_list import History, TaskImage, TaskList, reviewed_sheet

BODY = "open body"
"""The body whose charts the file's U and V are on."""
GUIDELINES = "1"
"""Version of the guidelines that annotators see."""
KINDS_LEFT_OUT = ("not_person",)
SKELETON = (
    *((16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13), (6, 7), (6, 8), (7, 9), (8, 10), (9, 11)),
    *((2, 3), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7)),
)
"""Pairs of keypoints, from 1, that COCO's pictures connect."""
CATEGORY = {
    "id": 1, "name": "person", "supercategory": "person", "keypoints": list(COCO_KEYPOINTS),
    "skeleton": [list(pair) for pair in SKELETON],
}
Pixels = tuple[int, int, int, int]
"""x0, y0, x1, y1 in whole pixels, x1 and y1 exclusive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """The work of an annotator on an image that is in no file."""

    image: str
    who: str
    amount: WorkAmount

    def __str__(self) -> str:
        return f"not in the file: {self.image}, {self.who}: {self.amount}"


def people_file(
    tasks: TaskList, rank: int = 0, given: Mapping[str, Sequence[AnnotatedPerson]] = MappingProxyType({})
) -> DenseSet:
    """The annotations of all images but the gold ones; a finished review takes the place of the first rank.

    Args:
        rank: which annotator of each image, where several annotate the same one: 0 = who finished first.
        given: the people of a file with which the work began, by image, in the order of their numbers. Whom nobody
            changed stands in the result as in that file.
    """
    images: list[AnnotatedImage] = []
    people: list[AnnotatedPerson] = []
    for number, image in enumerate((one for one in tasks.images if not one.gold), start=1):
        images.append(AnnotatedImage(id=number, file_name=image.name, height=image.height, width=image.width))
        ranked = ranked_sheets(tasks, image.name)
        mine = given.get(image.name, ())
        review = reviewed_sheet(tasks, image.name) if rank == 0 else None
        if review is not None:
            people += _reviewed_people(tasks, image, review, mine, len(people) + 1, number)
        elif rank < len(ranked):
            who, sheet = ranked[rank]
            found = tasks.history(image.name, who).past[0].people
            for key, work in _people_of(sheet):
                if key <= len(mine) and found.get(key) == work:
                    people.append(_unchanged(mine[key - 1], len(people) + 1, number))
                else:
                    people.append(annotated_person(work, image, who, sheet, len(people) + 1, number))
        elif rank == 0:
            people += [_unchanged(one, len(people) + k, number) for k, one in enumerate(mine, start=1)]
    info = {"description": "annotated people", "body": BODY, "guidelines": GUIDELINES, "hints": tasks.hints}
    rest = {"info": info, "licenses": [], "categories": [CATEGORY]}
    return DenseSet(images=tuple(images), people=tuple(people), rest=rest)


def _reviewed_people(
    tasks: TaskList, image: TaskImage, review: tuple[str, History], given: Sequence[AnnotatedPerson], first: int,
    image_id: int,
) -> Iterator[AnnotatedPerson]:
    """The people of a finished review, with ids from `first`. `given`: as of an image in `people_file`."""
    reviewer, history = review
    for identity, (_, work) in enumerate(_people_of(history.sheet), start=first):
        who, key = work.sources[0] if work.sources else (reviewer, 0)
        theirs = tasks.history(image.name, who)
        drawn = theirs.sheet.people.get(key)
        about: dict[str, Any] = {"review": _review_fields(work, reviewer, history.sheet)}
        if drawn is not None and not work.decided and key <= len(given) and theirs.past[0].people.get(key) == drawn:
            made = _unchanged(given[key - 1], identity, image_id)
            about = {**made.rest.get("dp_annotation", {}), **about}
        else:
            made = annotated_person(work, image, who, history.sheet, identity, image_id)
            spent = drawn or work
            names = "+".join(name for name, _ in work.sources) or reviewer
            own = {"annotator": names, "seconds": round(spent.seconds, 3), "at": round(spent.last_at, 3)}
            about = {**made.rest["dp_annotation"], **own, **about}
        yield replace(made, rest={**made.rest, "dp_annotation": about})


def _review_fields(work: PersonWork, reviewer: str, sheet: WorkSheet) -> dict[str, Any]:
    """Who reviewed the person, and what became of it."""
    own = [item for item, choice in work.decided.items() if not choice]
    outcome = "corrected" if own else "decided" if work.decided else "accepted"
    return {
        "reviewer": reviewer, "at": round(sheet.finished_at or 0.0, 3), "seconds": round(work.seconds, 3),
        "outcome": outcome if work.sources else "added", "decided": dict(work.decided),
        "sent_back": [{"annotator": one.annotator, "note": one.note, "at": one.at} for one in work.notes],
    }


def ranked_sheets(tasks: TaskList, image: str) -> list[tuple[str, WorkSheet]]:
    """Annotators with their sheets of an image: finished ones by time, then open ones, the latest first.

    Where there are more sheets than places, less work never replaces more: an open sheet comes before a finished one
    that has less than it.
    """
    sheets = [(who, one.sheet) for who, one in tasks.of_image(image).items()]
    finished = [(who, one) for who, one in sheets if one.finished_at is not None]
    unfinished = [(who, one) for who, one in sheets if one.finished_at is None and one.people]
    finished.sort(key=lambda pair: (pair[1].finished_at, pair[0]))
    unfinished.sort(key=lambda pair: (-pair[1].last_at, pair[0]))
    if len(finished) + len(unfinished) <= tasks.copies:
        return finished + unfinished
    for one in list(unfinished):
        amount = amount_of(one[1])
        at = next((k for k, (_, done) in enumerate(finished) if amount_of(done).is_less(amount)), None)
        if at is not None:
            finished.insert(at, one)
            unfinished.remove(one)
    return finished + unfinished


def left_out(tasks: TaskList) -> list[LeftOut]:
    """The work of the journal that is in no file: of more annotators than an image has places."""
    found = []
    for image in tasks.images:
        for who, sheet in () if image.gold else ranked_sheets(tasks, image.name)[tasks.copies :]:
            if tasks.history(image.name, who).begun:
                found.append(LeftOut(image=image.name, who=who, amount=amount_of(sheet)))
    return found


def _people_of(sheet: WorkSheet) -> Iterator[tuple[int, PersonWork]]:
    """People with their numbers."""
    if sheet.status == "skipped":
        return iter(())
    return ((key, work) for key, work in sorted(sheet.people.items()) if work.kind not in KINDS_LEFT_OUT)


def _unchanged(person: AnnotatedPerson, identity: int, image_id: int) -> AnnotatedPerson:
    return replace(person, id=identity, image=image_id, rest={**person.rest, "category_id": CATEGORY["id"]})


def annotated_person(
    work: PersonWork, image: TaskImage, who: str, sheet: WorkSheet, identity: int, image_id: int
) -> AnnotatedPerson:
    """One person as DensePose-COCO's record.

    The box is the drawn one, enlarged to hold everything painted. A person without parts is a box with keypoints; a
    crowd, and a person whom the annotator skipped, has no parts and points.
    """
    dense = work.kind == "person"
    box = whole_box(work, image)
    part_GG = part_grid(work, box) if dense and work.parts is not None else None
    outline_HW = outline_of(work, image, box)
    return AnnotatedPerson(
        id=identity, image=image_id,
        box_4=(float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])),
        points=points_of(work, box) if dense else None,
        part_masks=None if part_GG is None else tuple(_part_mask(part_GG, k) for k in range(1, PART_MASKS + 1)),
        rest={
            "category_id": 1, "iscrowd": int(work.kind == "crowd"), "area": float(outline_HW.sum()),
            "segmentation": encode_mask(outline_HW), **_keypoint_fields(work),
            "dp_annotation": _origin_fields(work, who, sheet),
        },
    )


def whole_box(work: PersonWork, image: TaskImage) -> Pixels:
    """The drawn box in whole pixels, enlarged to hold parts, outline and asked points."""
    x0, y0, x1, y1 = work.box_4
    boxes = [(int(np.floor(x0)), int(np.floor(y0)), int(np.ceil(x1)), int(np.ceil(y1)))]
    if work.parts is not None:
        boxes.append(_rectangle(work.parts.x, work.parts.y, work.parts.height, work.parts.width))
    if work.outline is not None:
        boxes.append(_rectangle(work.outline.x, work.outline.y, *work.outline.size))
    boxes += [_rectangle(one.x, one.y, 1, 1) for points in work.asked.values() for one in points]
    left, top, right, bottom = zip(*boxes, strict=True)
    return max(min(left), 0), max(min(top), 0), min(max(right), image.width), min(max(bottom), image.height)


def _rectangle(x: int, y: int, height: int, width: int) -> Pixels:
    return x, y, x + width, y + height


def part_grid(work: PersonWork, box: Pixels) -> U8:
    """Coarse labels on the 256 × 256 grid over the box."""
    assert work.parts is not None
    return resample_to_box_grid(work.parts.labels_in(*box))


def _part_mask(part_GG: U8, part: int) -> dict[str, Any] | None:
    return encode_mask(part_GG == part) if (part_GG == part).any() else None


def outline_of(work: PersonWork, image: TaskImage, box: Pixels) -> U8:
    """The visible outline on the image: as drawn, else all parts, else the whole box."""
    whole_HW = np.zeros((image.height, image.width), np.uint8)
    if work.outline is not None:
        mask = work.outline
        whole_HW[mask.y : mask.y + mask.size[0], mask.x : mask.x + mask.size[1]] = mask.inside_hw
    elif work.parts is not None:
        parts = work.parts
        whole_HW[parts.y : parts.y + parts.height, parts.x : parts.x + parts.width] = parts.label_hw > 0
    else:
        whole_HW[box[1] : box[3], box[0] : box[2]] = 1
    return whole_HW


def points_of(work: PersonWork, box: Pixels) -> AnnotatedPoints | None:
    """The points with a place on the surface, part by part; None without any."""
    answered = [(one, one.answer) for one in _in_order(work) if one.answer and one.answer.verdict == "surface"]
    if not answered:
        return None
    x0, y0, x1, y1 = box
    return AnnotatedPoints(
        x_M=np.array([(one.x + 0.5 - x0) * POINT_RANGE / (x1 - x0) for one, _ in answered]),
        y_M=np.array([(one.y + 0.5 - y0) * POINT_RANGE / (y1 - y0) for one, _ in answered]),
        chart_M=np.array([answer.chart for _, answer in answered], np.int64),
        u_M=np.array([answer.u for _, answer in answered]),
        v_M=np.array([answer.v for _, answer in answered]),
    )


def _in_order(work: PersonWork) -> Iterator[AskedPoint]:
    return (one for _, points in sorted(work.asked.items()) for one in points)


def _keypoint_fields(work: PersonWork) -> dict[str, Any]:
    """COCO's `keypoints` and `num_keypoints`; nothing where none was set."""
    if not work.keypoints:
        return {}
    flat: list[float] = []
    for joint in range(KEYPOINTS):
        one = work.keypoints.get(joint)
        seen = one is not None and one.visibility > 0
        flat += [round(one.x, 2), round(one.y, 2), one.visibility] if one is not None and seen else [0, 0, 0]
    return {"keypoints": flat, "num_keypoints": sum(1 for seen in flat[2::3] if seen > 0)}


def _origin_fields(work: PersonWork, who: str, sheet: WorkSheet) -> dict[str, Any]:
    """Who annotated the person, when, in how many seconds, and with what help."""
    verdicts = [one.answer.verdict if one.answer else "open" for one in _in_order(work)]
    return {
        "annotator": who, "at": round(work.last_at, 3), "seconds": round(work.seconds, 3), "hints": work.hints,
        "finished": sheet.status == "finished", "kind": work.kind, "proposed": sorted(work.proposed),
        "hidden": verdicts.count("hidden"), "skipped": verdicts.count("skipped"), "open": verdicts.count("open"),
    }
