"""From a task list to a DensePose-COCO file: a pure function of the work that remains."""

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
"""The body whose charts the file's U and V are on."""
GUIDELINES = "1"
"""Version of the guidelines that annotators see."""
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


def people_file(tasks: TaskList, rank: int = 0) -> DenseSet:
    """The annotations of all images that somebody annotated, but of no gold ones.

    Images that nobody began, and those that were left out, are not in it: who trained on them would learn that nobody
    is there. Those that are not finished have `complete: false`.

    Args:
        rank: which annotator of each image, where several annotate the same one: 0 = who finished first.
    """
    images: list[AnnotatedImage] = []
    people: list[AnnotatedPerson] = []
    for number, image in enumerate((one for one in tasks.images if not one.gold), start=1):
        result = image_result(tasks, image.name, rank)
        if result.state in ("untouched", "skipped"):
            continue
        images.append(image_entry(image, number, result))
        first = len(people) + 1
        people += [annotated_person(one, image, first + k, number) for k, one in enumerate(result.people)]
    info = {"description": "annotated people", **studio_info(tasks)}
    rest = {"info": info, "licenses": [], "categories": [CATEGORY]}
    return DenseSet(images=tuple(images), people=tuple(people), rest=rest)


def studio_info(tasks: TaskList) -> dict[str, Any]:
    """What a file's `info` says of the work."""
    return {"body": BODY, "guidelines": GUIDELINES, "hints": tasks.hints}


def image_entry(image: TaskImage, number: int, result: ImageResult) -> AnnotatedImage:
    """The record of an image with the id `number`."""
    rest = {} if result.state == "finished" else {"complete": False}
    return AnnotatedImage(id=number, file_name=image.name, height=image.height, width=image.width, rest=rest)


def annotated_person(one: ResultPerson, image: TaskImage, identity: int, image_id: int) -> AnnotatedPerson:
    """One person as DensePose-COCO's record.

    The box is the drawn one, enlarged to hold everything painted. A person without parts is a box with keypoints; a
    crowd, and a person whom the annotator skipped, has no parts and points. Where neither outline nor parts say which
    pixels are the person's there is no mask, and the area is the box's.
    """
    work = one.work
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
            **_keypoint_fields(work), "dp_annotation": dict(one.about),
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


def _mask_fields(outline_HW: U8 | None, box: Pixels) -> dict[str, Any]:
    if outline_HW is None:
        return {"area": float((box[2] - box[0]) * (box[3] - box[1]))}
    return {"area": float(outline_HW.sum()), "segmentation": encode_mask(outline_HW)}


def outline_of(work: PersonWork, image: TaskImage, box: Pixels) -> U8 | None:
    """The visible outline on the image: as drawn, else all parts, of a crowd else the whole box; None without any."""
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
    """The points with a place on the surface, part by part; None without any."""
    answered = [(one, one.answer) for one in points_in_order(work) if one.answer and one.answer.verdict == "surface"]
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
