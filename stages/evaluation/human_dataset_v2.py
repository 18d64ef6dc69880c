"""Sets from the photos of Human Dataset v2 that training does not use.

The export of the data set lost two facts: which boxes of Open Images contain a group or a depiction (a drawing, a
statue, a doll), and the aspect ratio of the photos, which are all resized to squares. A listing restores both. Two sets
have photos of Open Images, as exported and corrected. A third set has photos of COCO.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from models.arrays import F64
from models.files.json_file import read_json
from models.metrics.instances import TrueInstance
from pipeline.stage import StageError
from stages.annotations.image_collections import SourceImage, held_out, human_v2, human_v2_image, photo_id
from stages.evaluation.true_images import TrueImage, TruePerson, TrueSet

AS_ANNOTATED, PEOPLE, COCO = "human_v2_held_out", "human_v2_people", "human_v2_coco"
COCO_NAMES = f"*/images/{'[0-9]' * 12}_jpg.rf.*.jpg"
NO_BOXES = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listings:
    """Files that list photos of the data set.

    Attributes:
        photos: photos of Open Images, for training and held out.
        corrections: corrections of the held-out photos (see `read_corrections`).
        coco_corrections: corrections of photos of COCO.
        trained_coco: images of COCO that training uses, as keys of a JSON object.
    """

    photos: Path
    corrections: Path
    coco_corrections: Path
    trained_coco: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """The facts about a held-out photo that the export lost.

    Attributes:
        aspect: width over height of the original photo, estimated by
            `stages.training.data.labels_from_teachers.likely_aspect`; 1 where unknown.
        group, depiction: indices in the photo's file of boxes that contain several people, or a depiction of a person;
            judged by eye, for boxes of 100 pixels or more.
    """

    aspect: float
    group: frozenset[int]
    depiction: frozenset[int]


NO_CORRECTION = Correction(aspect=1.0, group=frozenset(), depiction=frozenset())


def read_corrections(listing: Path) -> dict[str, Correction]:
    """Corrections by photo id. A line has id, width:height, groups and depictions (indices with commas, or -)."""
    found = {}
    for line in listing.read_text().splitlines():
        photo_id, aspect, group, depiction = line.split(" ")
        width, height = map(int, aspect.split(":"))
        found[photo_id] = Correction(aspect=width / height, group=_numbers(group), depiction=_numbers(depiction))
    return found


def _numbers(text: str) -> frozenset[int]:
    return frozenset() if text == NO_BOXES else frozenset(map(int, text.split(",")))


def human_v2_sets(folder: Path, listings: Listings) -> list[TrueSet]:
    """The sets: held-out photos as exported, the same corrected, and the photos of COCO where the folder has any.

    Args:
        folder: checkout of brianhuster/human-dataset.
        listings: of its photos.
    """
    known = read_corrections(listings.corrections)
    sets = [
        TrueSet(name=AS_ANNOTATED, count=len(known), images=_photos(folder, listings.photos)),
        TrueSet(name=PEOPLE, count=len(known), images=_people(folder, listings.photos, known)),
    ]
    if coco := coco_photos(folder, frozenset(read_json(listings.trained_coco))):
        images = _coco_people(coco, read_corrections(listings.coco_corrections))
        sets.append(TrueSet(name=COCO, count=len(coco), images=images))
    return sets


def coco_photos(folder: Path, trained: frozenset[str]) -> list[Path]:
    """The photos with names of COCO, each once, without those that training uses."""
    found = {photo_id(path.name): path for path in sorted(folder.glob(COCO_NAMES), reverse=True)}
    return [found[name] for name in sorted(found) if f"{name}.jpg" not in trained]


def _coco_people(photos: Iterable[Path], known: Mapping[str, Correction]) -> Iterator[TrueImage]:
    for image in _as_annotated(COCO, map(human_v2_image, photos)):
        yield corrected(image, known.get(photo_id(image.name), NO_CORRECTION))


def _photos(folder: Path, listing: Path) -> Iterator[TrueImage]:
    return _as_annotated(AS_ANNOTATED, (photo for photo in human_v2(folder, listing) if held_out(photo.name)))


def _as_annotated(set_name: str, photos: Iterable[SourceImage]) -> Iterator[TrueImage]:
    for photo in photos:
        box_M4 = np.zeros((0, 4)) if photo.box_M4 is None else photo.box_M4.astype(np.float64)
        box_M4[:, 2:] -= box_M4[:, :2]
        people = tuple(TruePerson(instance=_boxed(box_4)) for box_4 in box_M4)
        yield TrueImage(set_name=set_name, name=photo.name, rgb_HW3=photo.rgb_HW3, people=people)


def _boxed(box_4: F64) -> TrueInstance:
    """An instance with only a box: x, y, width, height."""
    return TrueInstance(box_4=box_4, area=float(box_4[2:].prod()))


def _people(folder: Path, listing: Path, known: Mapping[str, Correction]) -> Iterator[TrueImage]:
    for image in _photos(folder, listing):
        name = photo_id(image.name)
        if name not in known:
            what = f"the photo {name} is held out of training, but is not in the list of such photos"
            raise StageError(what, image.name, "get the project's own copy of light_kept_out.txt")
        yield corrected(replace(image, set_name=PEOPLE), known[name])


def corrected(image: TrueImage, correction: Correction) -> TrueImage:
    """A photo with its original aspect ratio and the same height; groups and depictions become crowd regions."""
    height, width = image.rgb_HW3.shape[:2]
    new_width = round(height * correction.aspect)
    scale_4 = np.array([new_width / width, 1.0] * 2)
    instances = [_boxed(person.instance.box_4 * scale_4) for person in image.people]
    ignored = correction.group | correction.depiction
    return replace(
        image, rgb_HW3=np.asarray(cv2.resize(image.rgb_HW3, (new_width, height), interpolation=cv2.INTER_LINEAR)),
        people=tuple(TruePerson(instance=instance) for index, instance in enumerate(instances) if index not in ignored),
        crowds=tuple(instance for index, instance in enumerate(instances) if index in ignored),
    )
