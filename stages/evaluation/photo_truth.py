"""Photos that people annotated as sets to be scored on: COCO folders and DensePose-COCO files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.cache import user_path
from models.errors import ModelError
from models.metrics.annotator_errors import same_pixels
from models.metrics.densepose_evaluator import true_instance
from models.metrics.instances import AnnotatedPoints
from pipeline.stage import StageError
from stages.annotations.coco_people import read_people
from stages.annotations.densepose_coco import (
    REMEDY,
    AnnotatedImage,
    AnnotatedPerson,
    DamageHandler,
    DenseSet,
    person_record,
    read_dense_set,
)
from stages.annotations.image_folders import image_path, read_rgb
from stages.evaluation.truth import TruePerson, TruePicture, TrueSet

KINDS = ("densepose_*.json", "person_keypoints_*.json", "instances_*.json")
"""Annotation files of a COCO folder, the richest first."""
LOOKED_FOR = 20
"""Pictures by which their folder is known."""


def coco_file(folder: Path) -> Path | None:
    """The annotations of a COCO folder that are scored: with surface points where there are such, validation first."""
    for kind in KINDS:
        found = sorted((folder / "annotations").glob(kind), key=lambda path: ("val" not in path.stem, path.name))
        if found:
            return found[0]
    return None


def pictures_of(file: Path, dense_set: DenseSet, given: str) -> Path:
    """The folder of a file's pictures: as given, else the one around the file that holds one of the first of them.

    Raises: StageError naming the key where there is none.
    """
    first = [image.file_name for image in dense_set.images[:LOOKED_FOR]]
    around = [file.parent, *sorted(path for path in file.parent.parent.iterdir() if path.is_dir()), file.parent.parent]
    candidates = [Path(given)] if given else [file.parent / "images", *around]
    for folder in candidates:
        there = folder.is_dir() and (not first or any(image_path(folder, name).is_file() for name in first))
        if there:
            return folder
    what = f"the picture {first[0]} of {file} is not there" if first else f"the folder {candidates[0]} is not there"
    raise StageError(what, "images", "give the folder that holds the pictures")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How files of annotations and videos are read.

    Attributes:
        images: folder of an annotation file's pictures; "" to look around the file.
        annotators: files in which others marked the same points of the same people.
        damage: what is done about records and pictures that cannot be used.
        video_start: second of a video at which its frames begin.
    """

    images: str
    annotators: tuple[str, ...]
    damage: DamageHandler
    video_start: float = 0.0


def annotated_set(file: Path, reading: Reading) -> TrueSet:
    """A COCO or DensePose-COCO file and its pictures, people only. Raises: StageError as the readers of its parts."""
    dense_set = read_people(file, reading.damage)
    others = [read_dense_set(user_path(other), reading.damage) for other in reading.annotators]
    folder = pictures_of(file, dense_set, reading.images)
    there = []
    for image in dense_set.images:
        if image_path(folder, image.file_name).is_file():
            there.append(image)
        else:
            what = f"image {image.id}: its file is missing"
            reading.damage(StageError(what, str(folder / image.file_name), REMEDY))
    people = of_images(dense_set, others, file, reading.damage)
    if all(one.crowd for image in there for one, _ in people.get(image.id, [])):
        raise StageError("the pictures that are there show nobody", str(file), "give the folder of all pictures")
    pictures = _annotated(file, folder, there, people, reading.damage)
    return TrueSet(name=file.stem, count=len(there), pictures=pictures, note=dense_set.note)


Annotated = tuple[AnnotatedPerson, tuple[AnnotatedPoints, ...]]
"""A person, and what others marked at the same points."""


def of_images(
    dense_set: DenseSet, others: Sequence[DenseSet], file: Path, damage: DamageHandler
) -> dict[int, list[Annotated]]:
    """The people of every image, with what others marked; those whose points lie elsewhere are damaged."""
    marked = [{person.id: person.points for person in other.people} for other in others]
    found: dict[int, list[Annotated]] = {}
    for person in dense_set.people:
        told = tuple(points for one in marked if (points := one.get(person.id)) is not None)
        if person.points is not None and not all(same_pixels(person.points, one) for one in told):
            what = f"annotation {person.id}: another annotator marked other pixels"
            damage(StageError(what, str(file), "give annotations of the same points"))
            continue
        found.setdefault(person.image, []).append((person, told))
    return found


def _annotated(
    file: Path,
    folder: Path,
    images: Sequence[AnnotatedImage],
    people: Mapping[int, list[Annotated]],
    damage: DamageHandler,
) -> Iterator[TruePicture]:
    for image in images:
        try:
            yield _picture(file, folder, image, people.get(image.id, []))
        except StageError as error:
            damage(error)
        except ModelError as error:
            damage(StageError(f"image {image.id}: {error.what}", str(file), error.remedy or REMEDY))


def _picture(file: Path, folder: Path, image: AnnotatedImage, people: list[Annotated]) -> TruePicture:
    path = image_path(folder, image.file_name)
    rgb_HW3 = read_rgb(path)
    height, width = rgb_HW3.shape[:2]
    if (image.height or height, image.width or width) != (height, width):
        what = f"image {image.id}: is {width}×{height} pixels, not the {image.width}×{image.height} of its record"
        raise StageError(what, str(path), "get the picture that was annotated")
    crowds = [one for one, _ in people if one.crowd]
    return TruePicture(
        set_name=file.stem,
        name=image.file_name,
        rgb_HW3=rgb_HW3,
        people=tuple(_person(one, told, height, width) for one, told in people if not one.crowd),
        crowds=tuple(true_instance(_record(one), height, width) for one in crowds),
    )


def _person(person: AnnotatedPerson, told: tuple[AnnotatedPoints, ...], height: int, width: int) -> TruePerson:
    keypoints = person.rest.get("keypoints")
    return TruePerson(
        instance=true_instance(_record(person), height, width),
        keypoint_173=None if keypoints is None else np.array(keypoints, np.float64).reshape(17, 3),
        annotators=told,
    )


def _record(person: AnnotatedPerson) -> dict[str, object]:
    """The COCO record; the box's area stands for one that is not annotated."""
    return {"area": person.box_4[2] * person.box_4[3], **person_record(person)}
