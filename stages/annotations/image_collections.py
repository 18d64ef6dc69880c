"""Collections of real images, with or without annotations of people: Human Dataset v2, COCO, folders, clips."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np

from models.arrays import F32, U8
from models.errors import ModelError
from models.files.json_file import read_json
from models.metrics.instances import Rle
from models.metrics.masks import coco_segmentation
from pipeline.stage import StageError
from stages.annotations.coco_categories import people_categories
from stages.annotations.coco_masks import check_segmentation
from stages.annotations.image_folders import images_in_folder, read_rgb

NamedFrame = tuple[str, Callable[[], U8]]
"""A frame of a video: its name, and a function that reads it as RGB (H, W, 3)."""

NO_KEYPOINTS = (0,) * 51
"""The keypoints of a record without any."""
COMMERCIAL_LICENCES = frozenset({4, 5, 7, 8})
"""COCO's `license` ids that allow commercial use: CC BY, CC BY-SA, no known restrictions, US government work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceImage:
    """An image of a collection: upright RGB, its name, and its annotations in pixels of `rgb_HW3`.

    Attributes:
        box_M4: boxes of the annotated people, x0 y0 x1 y1; None for an image without annotations.
        stretched: True when the image was resized to a square and its aspect ratio is unknown.
        crowd_K4: boxes of crowds, whose people are not annotated one by one.
        keypoint_M173: COCO-17 keypoints of the annotated people.
        nobody: True for an image that shows no person, whatever a teacher sees in it.
        mask_M, crowd_mask_K: masks of the annotated people and of the crowds; None where they are not annotated.
    """

    name: str
    rgb_HW3: U8
    box_M4: F32 | None
    stretched: bool
    crowd_K4: F32 | None = None
    keypoint_M173: F32 | None = None
    nobody: bool = False
    mask_M: tuple[Rle | None, ...] = ()
    crowd_mask_K: tuple[Rle | None, ...] = ()

    @property
    def shows_nobody(self) -> bool:
        """Whether it is known to show no person: annotations of people and crowds would name them all."""
        annotated = self.box_M4 is not None and self.crowd_K4 is not None
        return self.nobody or (annotated and not len(self.box_M4) and not len(self.crowd_K4))  # type: ignore[arg-type]


def photo_id(name: str) -> str:
    """The id of a photo: its file name up to the first `_jpg` or dot."""
    return Path(name).name.split("_jpg")[0].split(".")[0]


def held_out(name: str) -> bool:
    """Whether a photo is held out of training: one in sixteen, by a hash of its id."""
    return hashlib.sha256(photo_id(name).encode()).digest()[0] % 16 == 0


def required_path(path: str, key: str, remedy: str) -> Path:
    """A path of the configuration, which must exist. Raises: StageError that names the key."""
    if not path or not Path(path).exists():
        raise StageError(f"{path} does not exist" if path else "no path is given", key, remedy)
    return Path(path)


def human_v2(folder: Path, listing: Path) -> Iterator[SourceImage]:
    """Photos of Human Dataset v2 with its YOLO boxes. `listing` has split, id and first hash digits of each photo."""
    for line in listing.read_text().split("\n"):
        if not line:
            continue
        split, image_id, digits = line.split(" ")
        found = sorted((folder / split / "images").glob(f"{image_id}_jpg.rf.{digits}*.jpg"))
        if not found:
            remedy = "get the repository brianhuster/human-dataset and name its folder"
            raise StageError(f"no photo {image_id} with hash {digits}", str(folder / split / "images"), remedy)
        yield human_v2_image(found[0])


def human_v2_image(path: Path) -> SourceImage:
    """A photo of Human Dataset v2, with the boxes in its label file. Raises: StageError if either is missing."""
    rgb = read_rgb(path)
    labels = path.parent.parent / "labels" / f"{path.stem}.txt"
    if not labels.is_file():
        raise StageError("the photo's boxes are missing", str(labels), "get all of brianhuster/human-dataset")
    rows = [[float(x) for x in row.split()[1:5]] for row in labels.read_text().split("\n") if row.strip()]
    centre = np.array(rows, np.float32).reshape(-1, 4) * np.tile(np.asarray(rgb.shape[1::-1], np.float32), 2)
    low, high = centre[:, :2] - centre[:, 2:] / 2, centre[:, :2] + centre[:, 2:] / 2
    name = f"human_v2/{path.name}"
    return SourceImage(name=name, rgb_HW3=rgb, box_M4=np.concatenate([low, high], 1), stretched=True)


def coco_images(folder: Path, split: str, licences: frozenset[int] | None) -> Iterator[SourceImage]:
    """Images of a COCO folder with one of the given licences (None: any), with boxes, keypoints and masks of people.

    Keypoints that are not annotated are zeros; so are all of records without keypoints (`instances_*.json`).

    Raises: StageError if the annotations are missing, damaged or have no category for people.
    """
    path = folder / "annotations" / f"person_keypoints_{split}.json"
    if not path.is_file():
        remedy = "name a folder with annotations/ and the images of COCO 2017"
        raise StageError("the annotations are missing", str(path), remedy)
    try:
        document = read_json(path)
        images, records = list(document["images"]), list(document["annotations"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StageError("the annotations are damaged", str(path), "get the file again") from error
    rows_of: dict[Any, list[Mapping[str, Any]]] = {}

    def damaged(row: Any, error: Exception) -> None:
        number = row.get("id") if isinstance(row, Mapping) else "that is not a record"
        raise StageError(f"annotation {number}: {error}", str(path), "get the file again") from error

    for row in people_categories(document, path).of_people(records, damaged):
        try:
            _check_person(row)
            rows_of.setdefault(row["image_id"], []).append(row)
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            damaged(row, ValueError(f"has no {error}") if isinstance(error, KeyError) else error)
    for image in images:
        if lacking := {"id", "file_name", *(() if licences is None else ("license",))} - dict(image).keys():
            raise StageError(f"image {image.get('id')} has no {sorted(lacking)[0]}", str(path), "get the file again")
        if licences is not None and image["license"] not in licences:
            continue
        rows = rows_of.get(image["id"], [])
        people = [row for row in rows if not row.get("iscrowd")]
        crowds = [row for row in rows if row.get("iscrowd")]
        keypoints = [row.get("keypoints", NO_KEYPOINTS) for row in people]
        rgb_HW3 = read_rgb(folder / split / image["file_name"])
        yield SourceImage(
            name=f"coco_{split}/{image['file_name']}",
            rgb_HW3=rgb_HW3,
            box_M4=corner_boxes(people),
            stretched=False,
            crowd_K4=corner_boxes(crowds),
            keypoint_M173=np.array(keypoints, np.float32).reshape(-1, 17, 3),
            mask_M=masks_of(people, rgb_HW3, path),
            crowd_mask_K=masks_of(crowds, rgb_HW3, path),
        )


def _check_person(row: Mapping[str, Any]) -> None:
    """Raises: ValueError, TypeError, KeyError or OverflowError for a record that training cannot use."""
    keypoint_173 = np.array(row.get("keypoints", NO_KEYPOINTS), np.float32).reshape(17, 3)
    if not np.isfinite(corner_boxes([row])).all() or not np.isfinite(keypoint_173).all():
        raise ValueError("its bbox or keypoints hold a value that is not finite")
    if row.get("segmentation"):
        check_segmentation(row["segmentation"])


def masks_of(rows: Sequence[Mapping[str, Any]], rgb_HW3: U8, path: Path) -> tuple[Rle | None, ...]:
    """Masks of COCO records of an image. Raises: StageError that names the file for a mask of another size."""
    try:
        return tuple(coco_segmentation(row.get("segmentation"), *rgb_HW3.shape[:2]) for row in rows)
    except ModelError as error:
        raise StageError(error.what, str(path), error.remedy) from error


def corner_boxes(rows: Sequence[Mapping[str, Any]]) -> F32:
    """Boxes (N,4) of COCO records, converted from x, y, width, height to x0 y0 x1 y1."""
    box_N4 = np.array([row["bbox"] for row in rows], np.float32).reshape(-1, 4)
    box_N4[:, 2:] += box_N4[:, :2]
    return box_N4


def folder_images(folder: Path, *, nobody: bool = False) -> Iterator[SourceImage]:
    """All images in a folder and its subfolders, in the order of their paths, without annotations.

    With `nobody` they are known to show no person.

    Raises: StageError for a folder without images, or for a damaged image.
    """
    for path in images_in_folder(folder, "holds no images"):
        name = f"{folder.name}/{path.relative_to(folder).as_posix()}"
        yield SourceImage(name=name, rgb_HW3=read_rgb(path), box_M4=None, stretched=False, nobody=nobody)


def image_sequence(folder: Path, every: int) -> Iterator[SourceImage]:
    """Every `every`-th frame in a folder of numbered JPEGs, without annotations."""
    paths = sorted(folder.glob("*.jpg"))
    yield from sampled_frames(((f"{folder.name}/{path.name}", partial(read_rgb, path)) for path in paths), every)


def clip_frames(path: Path, every: int) -> Iterator[SourceImage]:
    """Every `every`-th frame of a video, without annotations."""
    with av.open(str(path)) as container:
        frames = enumerate(container.decode(video=0))
        named = ((f"{path.name}/{index:06d}", partial(_rgb, frame)) for index, frame in frames)
        yield from sampled_frames(named, every)


def _rgb(frame: av.VideoFrame) -> U8:
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def sampled_frames(frames: Iterable[NamedFrame], every: int) -> Iterator[SourceImage]:
    """Every `every`-th of the frames, without annotations."""
    for name, read in itertools.islice(frames, 0, None, every):
        yield SourceImage(name=name, rgb_HW3=read(), box_M4=None, stretched=False)
