"""The pixels of a painted part whose surface point an annotator is asked for."""

from __future__ import annotations

import numpy as np

from models.box_overlap import iou
from pipeline.stage import StageError
from stages.annotations.densepose_coco import PART_MASKS
from stages.annotations.point_picking import in_succession, spread_points
from stages.studio.people_file import part_grid, whole_box
from stages.studio.work.sheet import PersonWork
from stages.studio.work.task_list import TaskImage, TaskList

SAME_PERSON_IOU = 0.5
"""Boxes of two annotators with at least this IoU are of the same person."""
MAX_CLUSTERED_PIXELS = 40_000
"""A part with more pixels is subsampled before k-means, to limit its memory."""


def pixels_to_ask(work: PersonWork, part: int, image: TaskImage) -> tuple[tuple[int, int], ...]:
    """Pixels (x, y) spread over a part; their number grows with its size. The same part map gives the same pixels.

    Raises: StageError for a part that is not painted.
    """
    label_hw = None if work.parts is None else work.parts.label_hw
    if work.parts is None or label_hw is None or not (label_hw == part).any():
        raise StageError("this part has no pixels", "part", "paint it first")
    step = max(1, int(np.ceil(np.sqrt((label_hw == part).sum() / MAX_CLUSTERED_PIXELS))))
    row_0, column_0 = (int(position_K[0]) % step for position_K in np.nonzero(label_hw == part))
    thin_hw = np.where(label_hw[row_0::step, column_0::step] == part, part, 0).astype(np.uint8)
    cells_15 = np.bincount(part_grid(work, whole_box(work, image)).ravel(), minlength=PART_MASKS + 1)
    row_M, column_M = spread_points(thin_hw, cells_15, np.random.default_rng(part))
    point_M2 = in_succession(np.stack([row_M * step + row_0, column_M * step + column_0], axis=1))
    return tuple((int(x) + work.parts.x, int(y) + work.parts.y) for y, x in point_M2)


def pixels_of_others(
    tasks: TaskList, image: str, annotator: str, work: PersonWork, part: int
) -> tuple[tuple[int, int], ...] | None:
    """The pixels of a part that another annotator of the same person was asked for, those on the painted part alone.

    Annotators of an image answer the same points, so that their agreement can be measured. None where no other
    annotator was asked, and where fewer than half of the pixels are on the part as this annotator painted it.
    """
    if work.parts is None:
        return None
    parts, label_hw = work.parts, work.parts.label_hw
    for other, history in tasks.of_image(image).items():
        if other == annotator:
            continue
        for found in history.sheet.people.values():
            boxes = np.array([work.box_4], np.float32), np.array([found.box_4], np.float32)
            if part not in found.asked or iou(*boxes)[0, 0] < SAME_PERSON_IOU:
                continue
            pixels = [(point.x, point.y) for point in found.asked[part]]
            inside = tuple(
                (x, y) for x, y in pixels
                if 0 <= y - parts.y < parts.height and 0 <= x - parts.x < parts.width
                and label_hw[y - parts.y, x - parts.x] == part
            )
            if 2 * len(inside) >= len(pixels):
                return inside
    return None
