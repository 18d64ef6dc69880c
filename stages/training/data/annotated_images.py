"""Images of a DensePose-COCO set with their annotations, read when they are needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from models.arrays import F32, U8
from models.errors import ModelError
from models.files.image_size import read_pixels
from models.files.npz_file import read_arrays
from models.metrics.instances import AnnotatedPoints
from models.metrics.masks import annotated_mask, coco_segmentation, part_labels
from pipeline.stage import StageError
from stages.annotations.coco_people import read_people
from stages.annotations.densepose_coco import AnnotatedPerson, DenseSet, person_record
from stages.annotations.image_collections import held_out
from stages.annotations.image_folders import image_path
from stages.training.payloads import AnnotatedSet

KEPT = 64
"""Images that stay in memory by default: about 0.5 MB each of 320×240."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledPerson:
    """A person of an image.

    Attributes:
        box_4: x0, y0, x1, y1, pixels.
        mask_HW: where the person is seen; the box, where no mask is annotated.
        masked: whether one is.
        keypoint_173: x, y, visibility; all 0 where there are none.
        coarse_LL: coarse labels on 256 × 256 cells over the box, None where parts are not annotated.
        points: None if there are none.
    """

    box_4: F32
    mask_HW: U8
    masked: bool
    keypoint_173: F32
    coarse_LL: U8 | None
    points: AnnotatedPoints | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledImage:
    """An image, its people, and where the set has it a dense surface: chart labels and UV (255ths) of every pixel."""

    rgb_HW3: U8
    people: tuple[LabelledPerson, ...]
    label_HW: U8 | None = None
    uv_2HW: U8 | None = None


class AnnotatedImages:
    """The images of one set that show people.

    Attributes:
        people: (image, person) of all people, for drawing people rather than images.
        note: which annotations of the set's file count as people, in a sentence; empty where all do.
    """

    def __init__(self, source: AnnotatedSet, kept: int = KEPT) -> None:
        """Read the annotations; so many images will stay in memory.

        Raises: StageError if they are missing, damaged or without annotated people, and as `read_people`.
        """
        self.source = source
        dense_set = read_people(Path(source.annotations), image_folder=Path(source.images))
        self.note = dense_set.note
        self._images = {image.id: image for image in dense_set.images}
        self._records = records_by_image(dense_set)
        self._crowds = crowds_by_image(dense_set)
        self._ids = sorted(one for one in self._records if not source.hold_out or not held_out(self._name(one)))
        if not self._ids:
            raise StageError("all images of this set are held out", source.annotations, "set hold_out: false")
        self.people = [(index, k) for index, one in enumerate(self._ids) for k in range(len(self._records[one]))]
        self._cached = lru_cache(maxsize=kept)(self._read)

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, index: int) -> LabelledImage:
        """Image number `index`. Raises: StageError if its file cannot be read."""
        return self._cached(index)

    def size(self, index: int) -> tuple[int, int]:
        """Height and width, from the annotations if they state them."""
        image = self._images[self._ids[index]]
        if image.height is not None and image.width is not None:
            return image.height, image.width
        height, width = self[index].rgb_HW3.shape[:2]
        return height, width

    def count(self, index: int) -> int:
        """How many people an image shows."""
        return len(self._records[self._ids[index]])

    def crowds(self, index: int) -> F32:
        """(K, 4) x0, y0, x1, y1 of an image's crowds, whose people are not annotated one by one."""
        return np.array(self._crowds.get(self._ids[index], []), np.float32).reshape(-1, 4)

    def file_name(self, index: int) -> str:
        """As the annotations have it."""
        return self._name(self._ids[index])

    def name(self, index: int) -> str:
        """The image's file name without suffix; dense surfaces are called so too."""
        return Path(self.file_name(index)).stem

    def _name(self, identity: int) -> str:
        return self._images[identity].file_name

    def _read(self, index: int) -> LabelledImage:
        identity = self._ids[index]
        path = image_path(Path(self.source.images), self._images[identity].file_name)
        bgr = read_pixels(path)
        if bgr is None:
            raise StageError("this image cannot be read", str(path), "get the file again")
        try:
            people = tuple(labelled_person(one, *bgr.shape[:2]) for one in self._records[identity])
        except ModelError as error:
            raise StageError(f"image {identity}: {error.what}", self.source.annotations, error.remedy) from error
        people = tuple(
            replace(one, points=self._supervising(one.points, record.id))
            for one, record in zip(people, self._records[identity], strict=True)
        )
        label_HW, uv_2HW = self._dense(index)
        return LabelledImage(
            rgb_HW3=cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB).astype(np.uint8), people=people, label_HW=label_HW,
            uv_2HW=uv_2HW,
        )

    def _supervising(self, points: AnnotatedPoints | None, annotation: int) -> AnnotatedPoints | None:
        """The points of a person that supervise; the same for the same annotation id."""
        if points is None or not self.source.points:
            return None
        most = self.source.most_points
        if most is None or len(points) <= most:
            return points
        return points.only(np.sort(np.random.default_rng([annotation, *b"points"]).permutation(len(points))[:most]))

    def _dense(self, index: int) -> tuple[U8 | None, U8 | None]:
        if not self.source.dense:
            return None, None
        path = Path(self.source.dense) / f"{self.name(index)}.npz"
        try:
            held = read_arrays(path)
            label_HW, uv_2HW = held["label_HW"], held["uv_2HW"]
            if label_HW.dtype.kind not in "biu" or uv_2HW.dtype.kind not in "uf" or label_HW.ndim != 2:
                raise ValueError("its arrays are no labels and UV")
        except (OSError, ValueError, KeyError) as error:
            raise StageError("the dense surface cannot be read", str(path), "make the set again") from error
        if uv_2HW.dtype != np.uint8:
            uv_2HW = np.round(np.clip(uv_2HW.astype(np.float32), 0, 1) * 255).astype(np.uint8)
        return label_HW.astype(np.uint8), uv_2HW


def notes_of(opened: Iterable[AnnotatedImages]) -> dict[str, Any]:
    """What sets say of themselves, for the summary of the stage that opened them."""
    notes = [one.note for one in opened if one.note]
    return {"notes": notes} if notes else {}


def records_by_image(dense_set: DenseSet) -> dict[int, list[AnnotatedPerson]]:
    """People by image, crowds left out; in a set with points, images that have some."""
    found: dict[int, list[AnnotatedPerson]] = {}
    for person in dense_set.people:
        if not person.crowd:
            found.setdefault(person.image, []).append(person)
    pointed = {image: people for image, people in found.items() if any(one.points is not None for one in people)}
    return pointed or found


def crowds_by_image(dense_set: DenseSet) -> dict[int, list[tuple[float, float, float, float]]]:
    """Boxes (x0, y0, x1, y1) of crowds by image."""
    found: dict[int, list[tuple[float, float, float, float]]] = {}
    for person in dense_set.people:
        if person.crowd:
            x, y, width, height = person.box_4
            found.setdefault(person.image, []).append((x, y, x + width, y + height))
    return found


def labelled_person(person: AnnotatedPerson, height: int, width: int) -> LabelledPerson:
    """A record as arrays. Raises: ModelError for masks that cannot be drawn."""
    x, y, box_width, box_height = person.box_4
    record = person_record(person)
    rle = coco_segmentation(record.get("segmentation"), height, width) or annotated_mask(record, height, width)
    return LabelledPerson(
        box_4=np.array([x, y, x + box_width, y + box_height], np.float32),
        mask_HW=drawn_mask(rle, person.box_4, height, width),
        masked=rle is not None,
        keypoint_173=keypoints_of(person.rest),
        coarse_LL=None if person.part_masks is None else part_labels([mask or [] for mask in person.part_masks]),
        points=person.points,
    )


def drawn_mask(rle: Any, box_4: Sequence[float], height: int, width: int) -> U8:
    """(H, W) of 0 and 1; without a mask, the whole box is 1."""
    if rle is not None:
        return np.asarray(coco_mask.decode(rle), np.uint8)
    mask_HW = np.zeros((height, width), np.uint8)
    x, y, box_width, box_height = box_4
    mask_HW[max(int(y), 0) : int(y + box_height) + 1, max(int(x), 0) : int(x + box_width) + 1] = 1
    return mask_HW


def keypoints_of(rest: Mapping[str, Any]) -> F32:
    """COCO's list of 51 numbers as (17, 3); zeros if there is none."""
    values = rest.get("keypoints")
    if not isinstance(values, list) or len(values) != 51:
        return np.zeros((17, 3), np.float32)
    return np.array(values, np.float32).reshape(17, 3)
