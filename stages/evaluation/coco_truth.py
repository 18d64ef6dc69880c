"""Sets from annotated photos: COCO folders and DensePose-COCO files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.cache import user_path
from models.errors import ModelError
from models.metrics.annotator_errors import same_pixels
from models.metrics.densepose_evaluator import true_instance
from models.metrics.instances import AnnotatedPoints, TrueInstance
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
from stages.evaluation.true_images import TrueImage, TruePerson, TrueSet

KINDS = ("densepose_*.json", "person_keypoints_*.json", "instances_*.json")
"""Annotation files of a COCO folder, the most detailed first."""
PROBED_IMAGES = 20
"""A folder holds the images if it has one of this number of first images."""


def coco_file(folder: Path) -> Path | None:
    """The annotation file of a COCO folder; files with surface points first, validation files before others."""
    for kind in KINDS:
        found = sorted((folder / "annotations").glob(kind), key=lambda path: ("val" not in path.stem, path.name))
        if found:
            return found[0]
    return None


def image_folder(file: Path, dense_set: DenseSet, given: str) -> Path:
    """The folder of a file's images: the given folder, else the first folder near the file that has an image of it.

    Raises: StageError where no folder has an image.
    """
    first = [image.file_name for image in dense_set.images[:PROBED_IMAGES]]
    here = file.absolute().parent
    near = [path for folder in (here, here.parent) for path in sorted(folder.iterdir()) if path.is_dir()]
    candidates = [Path(given)] if given else [here / "images", here, *near, here.parent]
    for folder in candidates:
        exists = folder.is_dir() and (not first or any(image_path(folder, name).is_file() for name in first))
        if exists:
            return folder
    what = f"the image {first[0]} of {file} is missing" if first else f"the folder {candidates[0]} is missing"
    raise StageError(what, "images", "give the folder that holds the images")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """Options for files of annotations and videos.

    Attributes:
        images: folder of an annotation file's images; "": search near the file.
        annotators: files in which other annotators marked the same points of the same people.
        damage: receives errors of records and images that cannot be used.
        video_start: second of a video at which its frames begin.
    """

    images: str
    annotators: tuple[str, ...]
    damage: DamageHandler
    video_start: float = 0.0


def annotated_set(file: Path, options: FileOptions) -> TrueSet:
    """The set of a COCO or DensePose-COCO file, people only. Raises: StageError for files that cannot be read."""
    dense_set = read_people(file, options.damage)
    others = [read_dense_set(user_path(other), options.damage) for other in options.annotators]
    folder = image_folder(file, dense_set, options.images)
    existing = []
    for image in dense_set.images:
        if image_path(folder, image.file_name).is_file():
            existing.append(image)
        else:
            what = f"image {image.id}: its file is missing"
            options.damage(StageError(what, str(folder / image.file_name), REMEDY))
    people = people_by_image(dense_set, others, file, options.damage)
    if all(person.crowd for image in existing for person, _ in people.get(image.id, [])):
        raise StageError("the images that exist have no people", str(file), "give the folder of all images")
    images = _annotated(file, folder, existing, people, options.damage)
    return TrueSet(name=file.stem, count=len(existing), images=images, note=dense_set.note)


Annotated = tuple[AnnotatedPerson, tuple[AnnotatedPoints, ...]]
"""A person, and the answers of other annotators at the same points."""


def people_by_image(
    dense_set: DenseSet, others: Sequence[DenseSet], file: Path, damage: DamageHandler
) -> dict[int, list[Annotated]]:
    """The people of every image with the answers of other annotators. Answers at other pixels damage the record."""
    marked = [{person.id: person.points for person in other.people} for other in others]
    found: dict[int, list[Annotated]] = {}
    for person in dense_set.people:
        marks = tuple(points for points_of_id in marked if (points := points_of_id.get(person.id)) is not None)
        if person.points is not None and not all(same_pixels(person.points, mark) for mark in marks):
            what = f"annotation {person.id}: another annotator marked other pixels"
            damage(StageError(what, str(file), "give annotations of the same points"))
            continue
        found.setdefault(person.image, []).append((person, marks))
    return found


def _annotated(
    file: Path,
    folder: Path,
    images: Sequence[AnnotatedImage],
    people: Mapping[int, list[Annotated]],
    damage: DamageHandler,
) -> Iterator[TrueImage]:
    for image in in_order_of_videos(images):
        try:
            yield _true_image(file, folder, image, people.get(image.id, []))
        except StageError as error:
            damage(error)
        except ModelError as error:
            damage(StageError(f"image {image.id}: {error.what}", str(file), error.remedy or REMEDY))


def in_order_of_videos(images: Sequence[AnnotatedImage]) -> Sequence[AnnotatedImage]:
    """The images in the order of the file; frames of videos (PoseTrack) video after video, each in order of time."""
    place = {video: number for number, video in reversed(list(enumerate(image.video for image in images)))}
    if None in place:
        return images
    return sorted(images, key=lambda image: (place[image.video], image.frame or 0))


def ignored_regions(image: AnnotatedImage) -> list[TrueInstance]:
    """Regions of an image whose people are not annotated (PoseTrack's polygons), as crowds; only their boxes count."""
    regions = []
    for x_N, y_N in zip(image.rest.get("ignore_regions_x", ()), image.rest.get("ignore_regions_y", ()), strict=False):
        if len(x_N) and len(y_N):
            box_4 = np.array([min(x_N), min(y_N), max(x_N) - min(x_N), max(y_N) - min(y_N)], np.float64)
            regions.append(TrueInstance(box_4=box_4, area=float(box_4[2] * box_4[3]), crowd=True))
    return regions


def _true_image(file: Path, folder: Path, image: AnnotatedImage, people: list[Annotated]) -> TrueImage:
    path = image_path(folder, image.file_name)
    rgb_HW3 = read_rgb(path)
    height, width = rgb_HW3.shape[:2]
    if (image.height or height, image.width or width) != (height, width):
        what = f"image {image.id}: is {width}×{height} pixels, not the {image.width}×{image.height} of its record"
        raise StageError(what, str(path), "get the image that was annotated")
    crowds = [person for person, _ in people if person.crowd]
    return TrueImage(
        set_name=file.stem,
        name=image.file_name,
        rgb_HW3=rgb_HW3,
        people=tuple(_person(person, marks, height, width) for person, marks in people if not person.crowd),
        crowds=(*(true_instance(_record(crowd), height, width) for crowd in crowds), *ignored_regions(image)),
        video=image.video or "",
        frame=image.frame or 0,
    )


def _person(person: AnnotatedPerson, marks: tuple[AnnotatedPoints, ...], height: int, width: int) -> TruePerson:
    keypoints = person.rest.get("keypoints")
    return TruePerson(
        instance=true_instance(_record(person), height, width),
        keypoint_173=None if keypoints is None else np.array(keypoints, np.float64).reshape(17, 3), annotators=marks,
        track=person.track,
    )


def _record(person: AnnotatedPerson) -> dict[str, object]:
    """The COCO record of a person; a missing area becomes that of the box."""
    return {"area": person.box_4[2] * person.box_4[3], **person_record(person)}
