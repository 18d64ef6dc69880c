"""Converts a task list to a DensePose-COCO file."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.arrays import U8
from models.body.open_body import COCO_KEYPOINTS
from models.metrics.instances import AnnotatedPoints
from stages.annotations.coco_masks import encode_mask
from stages.annotations.densepose_coco import KEYPOINTS, PART_MASKS, AnnotatedImage, AnnotatedPerson, DenseSet
from stages.annotations.point_picking import POINT_RANGE, resample_to_box_grid
from stages.studio.image_results import ImageResult, ResultPerson, image_result, points_in_order
from stages.studio.work.sheet import PersonWork
from stages.studio.work.task_list import TaskImage, TaskList

BODY = "open body"
"""The body to which the charts, U and V of the file belong."""
GUIDELINES = "1"
"""Version of the guidelines that annotators see."""
SKELETON = (
    *((16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13), (6, 7), (6, 8), (7, 9), (8, 10), (9, 11)),
    *((2, 3), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7)),
)
"""COCO's skeleton: pairs of keypoints, numbered from 1, that pictures connect."""
CATEGORY = {
    "id": 1, "name": "person", "supercategory": "person", "keypoints": list(COCO_KEYPOINTS),
    "skeleton": [list(pair) for pair in SKELETON],
}
Pixels = tuple[int, int, int, int]
"""x0, y0, x1, y1 in whole pixels, x1 and y1 exclusive."""


def people_file(tasks: TaskList, rank: int = 0) -> DenseSet:
    """The annotations of all annotated images, without gold items.

    Images that no annotator began or that were left out are not in the file: a network that trains on them would learn
    that they have no people. Unfinished images have `complete: false`.

    Args:
        tasks: the task list.
        rank: of the annotators, as in `image_result`.
    """
    images: list[AnnotatedImage] = []
    people: list[AnnotatedPerson] = []
    for number, image in enumerate((image for image in tasks.images if not image.gold), start=1):
        result = image_result(tasks, image.name, rank)
        if result.state in ("untouched", "skipped"):
            continue
        images.append(image_entry(image, number, result))
        first = len(people) + 1
        people += [annotated_person(person, image, first + k, number) for k, person in enumerate(result.people)]
    info = {"description": "annotated people", **studio_info(tasks)}
    rest = {"info": info, "licenses": [], "categories": [CATEGORY]}
    return DenseSet(images=tuple(images), people=tuple(people), rest=rest)


def studio_info(tasks: TaskList) -> dict[str, Any]:
    """The fields of a file's `info` that describe the work."""
    return {"body": BODY, "guidelines": GUIDELINES, "hints": tasks.hints}


def image_entry(image: TaskImage, number: int, result: ImageResult) -> AnnotatedImage:
    """The record of an image with the id `number`."""
    rest = {} if result.state == "finished" else {"complete": False}
    return AnnotatedImage(id=number, file_name=image.name, height=image.height, width=image.width, rest=rest)


def annotated_person(person: ResultPerson, image: TaskImage, identity: int, image_id: int) -> AnnotatedPerson:
    """A person as DensePose-COCO's record.

    The box is the drawn box, enlarged to contain everything painted. Crowds and skipped people have neither parts nor
    points. A person without an outline and parts has no mask, and the area is that of the box.
    """
    work = person.work
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
            "category_id": CATEGORY["id"], "iscrowd": int(work.kind == "crowd"), **_mask_fields(outline_HW, box),
            **_keypoint_fields(work), "dp_annotation": dict(person.about),
        },
    )


def whole_box(work: PersonWork, image: TaskImage) -> Pixels:
    """The drawn box in whole pixels, enlarged to contain parts, outline and asked points."""
    x0, y0, x1, y1 = work.box_4
    boxes = [(int(np.floor(x0)), int(np.floor(y0)), int(np.ceil(x1)), int(np.ceil(y1)))]
    if work.parts is not None:
        boxes.append(_rectangle(work.parts.x, work.parts.y, work.parts.height, work.parts.width))
    if work.outline is not None:
        boxes.append(_rectangle(work.outline.x, work.outline.y, *work.outline.size))
    boxes += [_rectangle(point.x, point.y, 1, 1) for points in work.asked.values() for point in points]
    left, top, right, bottom = zip(*boxes, strict=True)
    return max(min(left), 0), max(min(top), 0), min(max(right), image.width), min(max(bottom), image.height)


def _rectangle(x: int, y: int, height: int, width: int) -> Pixels:
    return x, y, x + width, y + height


def part_grid(work: PersonWork, box: Pixels) -> U8:
    """Coarse labels of a person with parts on the grid of the box, (256, 256)."""
    assert work.parts is not None
    return resample_to_box_grid(work.parts.labels_in(*box))


def _part_mask(part_GG: U8, part: int) -> dict[str, Any] | None:
    return encode_mask(part_GG == part) if (part_GG == part).any() else None


def _mask_fields(outline_HW: U8 | None, box: Pixels) -> dict[str, Any]:
    if outline_HW is None:
        return {"area": float((box[2] - box[0]) * (box[3] - box[1]))}
    return {"area": float(outline_HW.sum()), "segmentation": encode_mask(outline_HW)}


def outline_of(work: PersonWork, image: TaskImage, box: Pixels) -> U8 | None:
    """The person's mask, (H, W), 0 or 1: the outline, else all parts, else for a crowd the box; None without them."""
    if work.outline is None and work.parts is None and work.kind != "crowd":
        return None
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
    """The points that are answered by a point on the surface, part by part; None without such points."""
    given = [(point, point.answer) for point in points_in_order(work)]
    answered = [(point, answer) for point, answer in given if answer is not None and answer.verdict == "surface"]
    if not answered:
        return None
    x0, y0, x1, y1 = box
    return AnnotatedPoints(
        x_M=np.array([(point.x + 0.5 - x0) * POINT_RANGE / (x1 - x0) for point, _ in answered]),
        y_M=np.array([(point.y + 0.5 - y0) * POINT_RANGE / (y1 - y0) for point, _ in answered]),
        chart_M=np.array([answer.chart for _, answer in answered], np.int64),
        u_M=np.array([answer.u for _, answer in answered]),
        v_M=np.array([answer.v for _, answer in answered]),
    )


def _keypoint_fields(work: PersonWork) -> dict[str, Any]:
    """COCO's fields `keypoints` and `num_keypoints`; no fields for a person without keypoints."""
    if not work.keypoints:
        return {}
    flat: list[float] = []
    for joint in range(KEYPOINTS):
        keypoint = work.keypoints.get(joint)
        if keypoint is not None and keypoint.visibility > 0:
            flat += [round(keypoint.x, 2), round(keypoint.y, 2), keypoint.visibility]
        else:
            flat += [0, 0, 0]
    return {"keypoints": flat, "num_keypoints": sum(1 for seen in flat[2::3] if seen > 0)}
