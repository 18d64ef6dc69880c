"""Human Dataset v2's photos that were kept out of training as sets to be scored on.

Those of Open Images of which the training takes others: as they are, and the people alone, for the data set's export
lost what Open Images says of boxes: that they are around a group, or a depiction (a drawing, a statue, a doll). And it
squeezed every photo into a square. A listing gives both back. And those of COCO, of which the training takes none: the
people alone, squeezed, for the export lost which boxes are COCO's crowds, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from models.files.json_file import read_json
from models.metrics.instances import TrueInstance
from pipeline.stage import StageError
from stages.annotations.image_collections import SourceImage, held_out, human_v2, human_v2_image, photo_id
from stages.evaluation.truth import TruePerson, TruePicture, TrueSet

AS_ANNOTATED, PEOPLE, COCO = "human_v2_held_out", "human_v2_people", "human_v2_coco"
COCO_NAMES = f"*/images/{'[0-9]' * 12}_jpg.rf.*.jpg"
NOBODY = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listings:
    """Files that say which of the data set's photos are what.

    Attributes:
        photos: which of Open Images belong to the training and to what was kept out of it.
        kept: what is known of the latter (see `read_kept`).
        kept_coco: the same of those of COCO of which something is known.
        trained_coco: the images of COCO itself that belong to the training, as keys of a JSON object.
    """

    photos: Path
    kept: Path
    kept_coco: Path
    trained_coco: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is known of a photo that was kept out.

    Attributes:
        aspect: width over height before it was squeezed, as guessed by
            `stages.training.data.labels_from_teachers.likely_aspect`; 1 where nobody guessed.
        group, depiction: which of its boxes from 100 pixels, counted from 0 in their file, are around several people,
            and around a likeness of a person; judged by eye, all boxes by the same rule.
    """

    aspect: float
    group: frozenset[int]
    depiction: frozenset[int]


AS_IT_IS = Kept(aspect=1.0, group=frozenset(), depiction=frozenset())


def read_kept(listing: Path) -> dict[str, Kept]:
    """Photos by identity, from lines of identity, width:height, groups and depictions (numbers with commas, or -)."""
    found = {}
    for line in listing.read_text().splitlines():
        photo_id, aspect, group, depiction = line.split(" ")
        width, height = map(int, aspect.split(":"))
        found[photo_id] = Kept(aspect=width / height, group=_numbers(group), depiction=_numbers(depiction))
    return found


def _numbers(text: str) -> frozenset[int]:
    return frozenset() if text == NOBODY else frozenset(map(int, text.split(",")))


def human_v2_sets(folder: Path, listings: Listings) -> list[TrueSet]:
    """The photos as the data set has them, again with their aspects and of people alone, and COCO's, where it has any.

    Args:
        folder: checkout of brianhuster/human-dataset.
        listings: which of its photos are what.
    """
    known = read_kept(listings.kept)
    sets = [
        TrueSet(name=AS_ANNOTATED, count=len(known), pictures=_photos(folder, listings.photos)),
        TrueSet(name=PEOPLE, count=len(known), pictures=_people(folder, listings.photos, known)),
    ]
    if coco := coco_photos(folder, frozenset(read_json(listings.trained_coco))):
        pictures = _coco_people(coco, read_kept(listings.kept_coco))
        sets.append(TrueSet(name=COCO, count=len(coco), pictures=pictures))
    return sets


def coco_photos(folder: Path, trained: frozenset[str]) -> list[Path]:
    """The checkout's photos that are named as COCO's are, each once, without those that COCO gave to the training."""
    found = {photo_id(path.name): path for path in sorted(folder.glob(COCO_NAMES), reverse=True)}
    return [found[name] for name in sorted(found) if f"{name}.jpg" not in trained]


def _coco_people(photos: Iterable[Path], known: Mapping[str, Kept]) -> Iterator[TruePicture]:
    for picture in _as_annotated(COCO, map(human_v2_image, photos)):
        yield people_alone(picture, known.get(photo_id(picture.name), AS_IT_IS))


def _photos(folder: Path, listing: Path) -> Iterator[TruePicture]:
    return _as_annotated(AS_ANNOTATED, (photo for photo in human_v2(folder, listing) if held_out(photo.name)))


def _as_annotated(set_name: str, photos: Iterable[SourceImage]) -> Iterator[TruePicture]:
    for photo in photos:
        box_M4 = np.zeros((0, 4)) if photo.box_M4 is None else photo.box_M4.astype(np.float64)
        box_M4[:, 2:] -= box_M4[:, :2]
        people = tuple(TruePerson(instance=_boxed(box_4)) for box_4 in box_M4)
        yield TruePicture(set_name=set_name, name=photo.name, rgb_HW3=photo.rgb_HW3, people=people)


def _boxed(box_4: npt.NDArray[np.float64]) -> TrueInstance:
    """Of x, y, width and height alone."""
    return TrueInstance(box_4=box_4, area=float(box_4[2:].prod()))


def _people(folder: Path, listing: Path, known: Mapping[str, Kept]) -> Iterator[TruePicture]:
    for picture in _photos(folder, listing):
        name = photo_id(picture.name)
        if name not in known:
            what = f"the photo {name} was kept out and is not in the list of such photos"
            raise StageError(what, picture.name, "get the project's own copy of light_kept_out.txt")
        yield people_alone(replace(picture, set_name=PEOPLE), known[name])


def people_alone(picture: TruePicture, kept: Kept) -> TruePicture:
    """A photo as wide as it was, its height kept; groups and depictions are regions where nobody has to be found."""
    height, width = picture.rgb_HW3.shape[:2]
    wide = round(height * kept.aspect)
    scale_4 = np.array([wide / width, 1.0] * 2)
    instances = [_boxed(person.instance.box_4 * scale_4) for person in picture.people]
    apart = kept.group | kept.depiction
    return replace(
        picture,
        rgb_HW3=np.asarray(cv2.resize(picture.rgb_HW3, (wide, height), interpolation=cv2.INTER_LINEAR)),
        people=tuple(TruePerson(instance=one) for at, one in enumerate(instances) if at not in apart),
        crowds=tuple(one for at, one in enumerate(instances) if at in apart),
    )
