"""Real pictures of people with what was annotated on them: photo collections, COCO folders, sequences and clips."""

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
import numpy.typing as npt

from models.files.json_file import read_json
from pipeline.stage import StageError
from stages.annotations.coco_categories import people_categories
from stages.annotations.image_folders import images_in_folder, read_rgb

NamedFrame = tuple[str, Callable[[], npt.NDArray[np.uint8]]]
"""A frame of a film: its name, and what reads it as RGB (H, W, 3)."""

UNSEEN = (0,) * 51
"""The keypoints of a record that has none."""
COMMERCIAL_LICENCES = frozenset({4, 5, 7, 8})
"""COCO's `license` ids that allow commercial use: CC BY, CC BY-SA, no known restrictions, US government work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceImage:
    """One photo as it came: upright RGB, what people annotated (pixels of `rgb_HW3`), and its origin.

    Attributes:
        box_M4: annotated people, or None when nobody annotated the photo.
        stretched: True when the photo was squeezed into a square and its aspect is lost.
        crowd_K4: regions full of people that nobody counted.
        keypoint_M173: COCO-17 keypoints of the annotated people.
    """

    name: str
    rgb_HW3: npt.NDArray[np.uint8]
    box_M4: npt.NDArray[np.float32] | None
    stretched: bool
    crowd_K4: npt.NDArray[np.float32] | None = None
    keypoint_M173: npt.NDArray[np.float32] | None = None


def photo_id(name: str) -> str:
    """A photo's id: the file's name up to the first `_jpg` or dot."""
    return Path(name).name.split("_jpg")[0].split(".")[0]


def held_out(name: str) -> bool:
    """One photo in sixteen is kept out of training, by a hash of its id."""
    return hashlib.sha256(photo_id(name).encode()).digest()[0] % 16 == 0


def required_path(path: str, key: str, remedy: str) -> Path:
    """A path of the configuration that must exist. Raises: StageError naming the key."""
    if not path or not Path(path).exists():
        raise StageError(f"{path} does not exist" if path else "no path is given", key, remedy)
    return Path(path)


def human_v2(folder: Path, listing: Path) -> Iterator[SourceImage]:
    """Photos of Human Dataset v2 (YOLO boxes), stretched; the listing has split, id and first digits of the hash."""
    for line in listing.read_text().split("\n"):
        if not line:
            continue
        split, image_id, digits = line.split(" ")
        found = sorted((folder / split / "images").glob(f"{image_id}_jpg.rf.{digits}*.jpg"))
        if not found:
            remedy = "get the repository brianhuster/human-dataset and give its folder as photos.human_v2"
            raise StageError(f"no photo {image_id} with hash {digits}", str(folder / split / "images"), remedy)
        yield human_v2_image(found[0])


def human_v2_image(path: Path) -> SourceImage:
    """A photo of Human Dataset v2 with the boxes of the file beside it. Raises: StageError where either is missing."""
    rgb = read_rgb(path)
    labels = path.parent.parent / "labels" / f"{path.stem}.txt"
    if not labels.is_file():
        raise StageError("the photo's boxes are missing", str(labels), "get the whole of brianhuster/human-dataset")
    rows = [[float(x) for x in row.split()[1:5]] for row in labels.read_text().split("\n") if row.strip()]
    centre = np.array(rows, np.float32).reshape(-1, 4) * np.tile(np.asarray(rgb.shape[1::-1], np.float32), 2)
    low, high = centre[:, :2] - centre[:, 2:] / 2, centre[:, :2] + centre[:, 2:] / 2
    name = f"human_v2/{path.name}"
    return SourceImage(name=name, rgb_HW3=rgb, box_M4=np.concatenate([low, high], 1), stretched=True)


def coco_images(folder: Path, split: str, licences: frozenset[int] | None) -> Iterator[SourceImage]:
    """Images of a COCO folder whose licence is among those given (None: any), with people's boxes and keypoints.

    Keypoints of people who are annotated without (as in `instances_*.json`) are zeros, as those left out are.

    Raises: StageError where the annotations are missing or tell no people apart.
    """
    path = folder / "annotations" / f"person_keypoints_{split}.json"
    if not path.is_file():
        remedy = "give a folder with annotations/ and the images of COCO 2017"
        raise StageError("the annotations are missing", str(path), remedy)
    try:
        document = read_json(path)
        images, records = list(document["images"]), list(document["annotations"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StageError("the annotations are damaged", str(path), "get the file again") from error
    rows_of: dict[Any, list[Mapping[str, Any]]] = {}

    def damaged(row: Any, error: ValueError) -> None:
        raise StageError(f"annotation {row.get('id')}: {error}", str(path), "get the file again") from error

    for row in people_categories(document, path).of_people(records, damaged):
        rows_of.setdefault(row["image_id"], []).append(row)
    for image in images:
        if licences is not None and image["license"] not in licences:
            continue
        rows = rows_of.get(image["id"], [])
        people = [row for row in rows if not row.get("iscrowd")]
        yield SourceImage(
            name=f"coco_{split}/{image['file_name']}",
            rgb_HW3=read_rgb(folder / split / image["file_name"]),
            box_M4=corner_boxes(people),
            stretched=False,
            crowd_K4=corner_boxes([row for row in rows if row.get("iscrowd")]),
            keypoint_M173=np.array([row.get("keypoints", UNSEEN) for row in people], np.float32).reshape(-1, 17, 3),
        )


def corner_boxes(rows: Sequence[Mapping[str, Any]]) -> npt.NDArray[Any]:
    """COCO's boxes (x, y, width, height) as x0 y0 x1 y1, (N,4)."""
    box_N4 = np.array([row["bbox"] for row in rows], np.float32).reshape(-1, 4)
    box_N4[:, 2:] += box_N4[:, :2]
    return box_N4


def folder_images(folder: Path) -> Iterator[SourceImage]:
    """All pictures below a folder, in the order of their paths, not annotated.

    Raises: StageError for a folder without any, or for one that is damaged.
    """
    for path in images_in_folder(folder, "no photos are below it"):
        name = f"{folder.name}/{path.relative_to(folder).as_posix()}"
        yield SourceImage(name=name, rgb_HW3=read_rgb(path), box_M4=None, stretched=False)


def image_sequence(folder: Path, every: int) -> Iterator[SourceImage]:
    """Every `every`-th frame of a folder of numbered JPEGs, not annotated."""
    paths = sorted(folder.glob("*.jpg"))
    yield from sampled_frames(((f"{folder.name}/{path.name}", partial(read_rgb, path)) for path in paths), every)


def clip_frames(path: Path, every: int) -> Iterator[SourceImage]:
    """Every `every`-th frame of a video, not annotated."""
    with av.open(str(path)) as container:
        frames = enumerate(container.decode(video=0))
        named = ((f"{path.name}/{index:06d}", partial(_rgb, frame)) for index, frame in frames)
        yield from sampled_frames(named, every)


def _rgb(frame: av.VideoFrame) -> npt.NDArray[np.uint8]:
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def sampled_frames(frames: Iterable[NamedFrame], every: int) -> Iterator[SourceImage]:
    """Every `every`-th frame of a video as a picture. `frames`: names, and what reads them."""
    for name, read in itertools.islice(frames, 0, None, every):
        yield SourceImage(name=name, rgb_HW3=read(), box_M4=None, stretched=False)
