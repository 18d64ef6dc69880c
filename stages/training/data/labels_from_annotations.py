"""Labels of photos from annotations, in the form of the teachers' labels: a chart for each cell, or ignored."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from models.arrays import F32, U8, Bool
from models.body.charts import COARSE_OF_CHART
from models.light.teachers.part_teacher import PartTeacher
from stages.training.data.annotated_images import AnnotatedImages, LabelledImage, LabelledPerson
from stages.training.data.image_augmentation import annotated_points
from stages.training.data.labelled_photos import (
    DENSE,
    IGNORE,
    IGNORED,
    LABELS,
    PERSON,
    SIDE,
    LabelledPhoto,
    PersonLabels,
    mask_of_labels,
    natural_size,
)
from stages.training.data.labels_from_teachers import (
    LEAST_HEIGHT,
    inside_box,
    label_cell_centres,
    person_labels,
    square_region,
)

Grid = tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]

REACH = 0.03
"""Radius in which the chart of a point is the label, within its coarse part, relative to the box's longer side."""
WIDER = 1.2
"""Sides of a labelled square over the box's longer side."""


def labelled_photo(images: AnnotatedImages, index: int, teacher: PartTeacher | None) -> LabelledPhoto:
    """The labelled photo of an annotated image. Raises: StageError if it cannot be read."""
    image = images[index]
    height, width = image.rgb_HW3.shape[:2]
    to_square = np.array([SIDE / width, SIDE / height] * 2, np.float32)
    crowd_K4 = images.crowds(index)
    box_M4 = np.concatenate([np.array([one.box_4 for one in image.people], np.float32).reshape(-1, 4), crowd_K4])
    kinds = [PERSON] * len(image.people) + [IGNORED] * len(crowd_K4)
    return LabelledPhoto(
        name=images.file_name(index),
        aspect=width / height,
        rgb_SS3=cv2.resize(image.rgb_HW3, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.uint8),
        box_M4=box_M4 * to_square,
        kind_M=np.array(kinds, np.uint8),
        dense_DD=whole_labels(image, crowd_K4),
        people=tuple(people_labels(image, crowd_K4, to_square, teacher)),
    )


def whole_labels(image: LabelledImage, crowd_K4: F32) -> U8:
    """(DENSE, DENSE): 0 background, charts around annotated points, IGNORE in the rest of people and in crowds."""
    height, width = image.rgb_HW3.shape[:2]
    x_D, y_D = ((np.arange(DENSE) + 0.5) * side / DENSE for side in (width, height))
    label_DD = np.zeros((DENSE, DENSE), np.uint8)
    for person in image.people:
        found_DD = person_cells(person, (x_D, y_D))
        label_DD = np.where(found_DD > 0, found_DD, label_DD).astype(np.uint8)
    for crowd_4 in crowd_K4:
        label_DD[inside_box(crowd_4, x_D, y_D)] = IGNORE
    return label_DD


def people_labels(
    image: LabelledImage, crowd_K4: F32, to_square: F32, teacher: PartTeacher | None
) -> Iterator[PersonLabels]:
    """A labelled square around every person tall enough with annotated points, or with confident teacher labels."""
    natural = natural_size(image.rgb_HW3.shape[1] / image.rgb_HW3.shape[0])
    scale = natural[1] / image.rgb_HW3.shape[0]
    for index, person in enumerate(image.people):
        if (person.box_4[3] - person.box_4[1]) * scale < LEAST_HEIGHT:
            continue
        region_4 = square_region(person.box_4, WIDER, np.zeros(2))
        mask_LL = silhouette(person, crowd_K4, label_cell_centres(region_4)[:2]) if person.masked else None
        if person.points is not None and len(person.points):
            found: tuple[U8, U8] | None = square_labels(image, index, region_4)
        elif teacher is not None:
            others_M4 = np.array([one.box_4 for one in image.people if one is not person], np.float32).reshape(-1, 4)
            found = person_labels(teacher, image.rgb_HW3, person.box_4, others_M4, region_4, None, mask_LL)
        else:
            found = None
        if found is not None:
            box_4, square_4 = person.box_4 * to_square, region_4 * to_square
            joint_J3 = person.keypoint_173 * (*to_square[:2], 1)
            yield PersonLabels(
                box_4=box_4, region_4=square_4, label_LL=found[0], weight_LL=found[1],
                mask_LL=mask_of_labels(found[0]) if mask_LL is None else mask_LL, joint_J3=joint_J3,
            )


def square_labels(image: LabelledImage, index: int, region_4: F32) -> tuple[U8, U8]:
    """Labels of a square around a person, all of full weight; other people in it are background."""
    x_L, y_L, _ = label_cell_centres(region_4)
    label_LL = person_cells(image.people[index], (x_L, y_L))
    return label_LL, np.full((LABELS, LABELS), 255, np.uint8)


def silhouette(person: LabelledPerson, crowd_K4: F32, grid: Grid) -> U8:
    """The annotated mask at a grid's cells: 0 outside, 1 inside, IGNORE elsewhere in crowds."""
    seen_HW = seen_cells(person, grid)
    crowded_HW = np.any([inside_box(crowd_4, *grid) for crowd_4 in crowd_K4] or [np.zeros_like(seen_HW)], axis=0)
    return np.where(seen_HW, 1, np.where(crowded_HW, IGNORE, 0)).astype(np.uint8)


def seen_cells(person: LabelledPerson, grid: Grid) -> Bool:
    """(H,W): whether a grid's cells lie in the person's mask; without one, in the box."""
    x_W, y_H = grid
    height, width = person.mask_HW.shape
    column, row = (np.clip(np.floor(one), 0, side - 1).astype(int) for one, side in ((x_W, width), (y_H, height)))
    inside_HW = ((y_H >= 0) & (y_H < height))[:, None] & ((x_W >= 0) & (x_W < width))[None]
    return inside_HW & (person.mask_HW[np.ix_(row, column)] > 0)


def person_cells(person: LabelledPerson, grid: Grid) -> U8:
    """Labels of a grid's cells: 0 outside of the person, the chart of the nearest point near by, else IGNORE.

    Args:
        person: without a mask, the box is the person.
        grid: the cells' centres, columns' x and rows' y, in pixels of the image.
    """
    x_W, y_H = grid
    seen_HW = seen_cells(person, grid)
    label_HW = np.where(seen_HW, IGNORE, 0).astype(np.uint8)
    xy_M2, chart_M, _, _ = annotated_points(person)
    if not len(xy_M2) or not seen_HW.any():
        return label_HW
    row_K, column_K = np.nonzero(seen_HW)
    reach = REACH * float((person.box_4[2:] - person.box_4[:2]).max())
    distance_K, nearest_K = cKDTree(xy_M2).query(np.stack([x_W[column_K], y_H[row_K]], axis=1))
    near_K = distance_K <= reach
    if person.coarse_LL is not None:
        near_K &= coarse_at(person, x_W[column_K], y_H[row_K]) == COARSE_OF_CHART[chart_M[nearest_K]]
    label_HW[row_K[near_K], column_K[near_K]] = chart_M[nearest_K[near_K]]
    return label_HW


def coarse_at(person: LabelledPerson, x_K: npt.NDArray[np.floating], y_K: npt.NDArray[np.floating]) -> U8:
    """(K,): the annotated coarse part at places of the image, 0 outside of the box."""
    assert person.coarse_LL is not None
    side = len(person.coarse_LL)
    low, high = person.box_4[:2], person.box_4[2:]
    column_K = np.floor((x_K - low[0]) / (high[0] - low[0]) * side).astype(int)
    row_K = np.floor((y_K - low[1]) / (high[1] - low[1]) * side).astype(int)
    inside_K = (column_K >= 0) & (column_K < side) & (row_K >= 0) & (row_K < side)
    found_K = person.coarse_LL[row_K.clip(0, side - 1), column_K.clip(0, side - 1)]
    return np.where(inside_K, found_K, 0).astype(np.uint8)
