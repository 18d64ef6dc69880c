"""Files of the DensePose-COCO format (facts §10), and of DensePose-PoseTrack's way of it: read, checked, written."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from models.files.atomic_file import atomic_write
from models.files.image_size import too_large
from models.files.json_file import read_json
from models.metrics.instances import AnnotatedPoints
from models.surface.charts import COARSE_NAMES
from pipeline.stage import StageError
from stages.annotations.coco_masks import check_run_lengths, check_segmentation
from stages.annotations.image_folders import image_path

POINT_KEYS = ("dp_x", "dp_y", "dp_I", "dp_U", "dp_V")
PART_MASKS = len(COARSE_NAMES) - 1
KEYPOINTS = 17
MASK_SIDE = 256
BOX_SIDE = 256.0
"""dp_x and dp_y are at most this (the documentation says 256 across the box, the evaluator 255)."""
SLACK = 1.0
"""Pixels by which a box may pass the picture's edge: COCO's are rounded."""
REMEDY = "mend the record, or read with damaged records skipped"

Damage = Callable[[StageError], None]
"""What is done about a damaged record: `refuse`, or a `Skipped`, which counts it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedImage:
    """A picture of a set; height and width are None where the file does not say (PoseTrack), `rest` is all else."""

    id: int
    file_name: str
    height: int | None
    width: int | None
    video: str | None = None
    frame: int | None = None
    rest: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedPerson:
    """A person of a picture.

    Attributes:
        id, image: of the annotation and of its picture.
        box_4: x, y, width, height in pixels.
        points: surface points, None for a person without.
        part_masks: the 14 coarse parts on 256 × 256 cells over the box as run lengths, None for a part not seen; None
            altogether where the record has none.
        track: PoseTrack's identity within its video.
        rest: the record's other fields (area, segmentation, keypoints …), as they stand in the file.
    """

    id: int
    image: int
    box_4: tuple[float, float, float, float]
    points: AnnotatedPoints | None = None
    part_masks: tuple[Mapping[str, Any] | None, ...] | None = None
    track: int | None = None
    rest: Mapping[str, Any] = field(default_factory=dict)

    @property
    def crowd(self) -> bool:
        """Whether it is a region of many people whom nobody counted."""
        return bool(self.rest.get("iscrowd"))


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseSet:
    """A file of annotations.

    Attributes:
        rest: the document's other entries (info, licenses, categories …).
        note: what of the file counts as people, in a sentence; empty where everything does.
    """

    images: tuple[AnnotatedImage, ...]
    people: tuple[AnnotatedPerson, ...]
    rest: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""


def refuse(error: StageError) -> None:
    """Raises: the error. For readers that take whole files only."""
    raise error


class Skipped:
    """Counts damaged records, by what is wrong with them, instead of stopping at the first."""

    def __init__(self) -> None:
        self.errors: list[StageError] = []

    def __call__(self, error: StageError) -> None:
        self.errors.append(error)

    def __len__(self) -> int:
        return len(self.errors)

    def counts(self) -> dict[str, int]:
        """How many records for each complaint."""
        return dict(Counter(error.what.partition(": ")[2] or error.what for error in self.errors))


DAMAGES: dict[str, Callable[[], Damage]] = {"refuse": lambda: refuse, "skip": Skipped}
"""What a configuration may say about damaged records."""


def read_dense_set(path: Path, damage: Damage = refuse, pictures: Path | None = None) -> DenseSet:
    """All pictures and annotations of a DensePose-COCO or DensePose-PoseTrack file, as they stand there.

    Args:
        path: the JSON file.
        damage: what is done about a record that cannot be used; the others are read.
        pictures: folder of the images; where it is given, each must be there.

    Raises: StageError for a file that is missing, no JSON or has no images and annotations; and what `damage` raises,
        naming the file and the annotation or image.
    """
    return dense_set_of(read_document(path), path, damage, pictures)


def dense_set_of(
    document: Mapping[str, Any], path: Path, damage: Damage = refuse, pictures: Path | None = None
) -> DenseSet:
    """The set that a document says. Arguments and errors as `read_dense_set`; `path` is named in errors."""
    images: dict[int, AnnotatedImage] = {}
    for record in document["images"]:
        made = _kept(_image, record, path, damage, pictures)
        if made is not None and made.id in images:
            damage(StageError(f"image {made.id}: another image has its id", str(path), REMEDY))
        elif made is not None:
            images[made.id] = made
    people = [made for record in document["annotations"] if (made := _kept(_person, record, path, damage, images))]
    rest = {key: value for key, value in document.items() if key not in ("images", "annotations")}
    return DenseSet(images=tuple(images.values()), people=tuple(people), rest=rest)


def write_dense_set(path: Path, dense_set: DenseSet) -> None:
    """Write a set, whole or not at all. What was read comes out with the same values.

    Raises: StageError when the file cannot be written.
    """
    document = {
        **dense_set.rest,
        "images": [image_record(image) for image in dense_set.images],
        "annotations": [person_record(person) for person in dense_set.people],
    }
    try:
        with atomic_write(path) as draft:
            draft.write_text(json.dumps(document, allow_nan=False))
    except OSError as error:
        reason = error.strerror or str(error)
        raise StageError(f"the annotations cannot be written ({reason})", str(path), "name another file") from error


def tracks_of(dense_set: DenseSet) -> dict[tuple[str, int], tuple[AnnotatedPerson, ...]]:
    """The people of each (video, track), in the order of its frames; people without a track are left out."""
    images = {image.id: image for image in dense_set.images}
    tracks: dict[tuple[str, int], list[AnnotatedPerson]] = {}
    for person in dense_set.people:
        video = images[person.image].video
        if video is not None and person.track is not None:
            tracks.setdefault((video, person.track), []).append(person)
    return {
        key: tuple(sorted(people, key=lambda one: (images[one.image].frame or 0, one.image)))
        for key, people in tracks.items()
    }


def image_record(image: AnnotatedImage) -> dict[str, Any]:
    """The image's entry in a file."""
    named = {"height": image.height, "width": image.width, "vid_id": image.video, "frame_id": image.frame}
    given = {key: value for key, value in named.items() if value is not None}
    return {**image.rest, "id": image.id, "file_name": image.file_name, **given}


def person_record(person: AnnotatedPerson) -> dict[str, Any]:
    """The person's entry in a file: COCO's fields, and the `dp_` ones."""
    record: dict[str, Any] = {**person.rest, "id": person.id, "image_id": person.image, "bbox": list(person.box_4)}
    if person.track is not None:
        record["track_id"] = person.track
    if person.points is not None:
        points = person.points
        arrays = (points.x_M, points.y_M, points.chart_M.astype(np.float64), points.u_M, points.v_M)
        record |= {key: array.tolist() for key, array in zip(POINT_KEYS, arrays, strict=True)}
    if person.part_masks is not None:
        record["dp_masks"] = [[] if mask is None else dict(mask) for mask in person.part_masks]
    return record


def read_document(path: Path) -> dict[str, Any]:
    """A file's content. Raises: StageError for one that is missing, no JSON, or has no images and annotations."""
    remedy = "give a DensePose-COCO file, such as densepose_minival2014.json"
    try:
        document = read_json(path)
    except OSError as error:
        raise StageError("the annotations are missing", str(path), remedy) from error
    except ValueError as error:
        raise StageError(f"the annotations are damaged ({error})", str(path), "get the file again") from error
    if isinstance(document, list):
        raise StageError("is a list of results, not of what is true", str(path), remedy)
    lists = isinstance(document, dict) and all(isinstance(document.get(k), list) for k in ("images", "annotations"))
    if not lists:
        raise StageError("holds no lists of images and annotations", str(path), remedy)
    return dict(document)


def _kept(make: Callable[[Any, Any], Any], record: Any, path: Path, damage: Damage, context: Any) -> Any:
    """What is made of a record, None where it is damaged and that does not stop the reading."""
    try:
        return make(record, context)
    except ValueError as error:
        kind = "image" if make is _image else "annotation"
        number = record.get("id", "without id") if isinstance(record, Mapping) else "that is no record"
        damage(StageError(f"{kind} {number}: {error}", str(path), REMEDY))
        return None


def _image(record: Any, pictures: Path | None) -> AnnotatedImage:
    """Raises: ValueError saying what is wrong with the record."""
    identity, name = _whole(record, "id"), record.get("file_name")
    if not isinstance(name, str) or not name:
        raise ValueError("has no file_name")
    if pictures is not None and not image_path(pictures, name).is_file():
        raise ValueError(f"its file {name} is missing")
    own = ("id", "file_name", "height", "width", "vid_id", "frame_id")
    sizes = {key: _whole(record, key) for key in ("height", "width", "frame_id") if key in record}
    if (what := too_large(sizes.get("width", 1), sizes.get("height", 1))) is not None:
        raise ValueError(what)
    video = record.get("vid_id")
    if video is not None and not isinstance(video, str):
        raise ValueError("has a vid_id that is no text")
    return AnnotatedImage(
        id=identity, file_name=name, height=sizes.get("height"), width=sizes.get("width"), video=video,
        frame=sizes.get("frame_id"), rest={key: value for key, value in record.items() if key not in own},
    )


def _person(record: Any, images: Mapping[int, AnnotatedImage]) -> AnnotatedPerson:
    """Raises: ValueError saying what is wrong with the record."""
    identity, image = _whole(record, "id"), _whole(record, "image_id")
    if image not in images:
        raise ValueError(f"its image {image} is missing")
    own = {"id", "image_id", "bbox", "track_id", "dp_masks", *POINT_KEYS}
    if record.get("segmentation"):
        _checked("segmentation", record["segmentation"], check_segmentation)
    if record.get("iscrowd", 0) not in (0, 1):
        raise ValueError(f"has the iscrowd {record['iscrowd']!r}, which is neither 0 nor 1")
    if "keypoints" in record:
        _numbers(record, "keypoints", 3 * KEYPOINTS)
    if "area" in record and not (type(record["area"]) in (int, float) and record["area"] >= 0):
        raise ValueError(f"has the area {record['area']!r}")
    return AnnotatedPerson(
        id=identity, image=image, box_4=_box(record, images[image]), points=_points(record),
        part_masks=_part_masks(record), track=_whole(record, "track_id") if "track_id" in record else None,
        rest={key: value for key, value in record.items() if key not in own},
    )


def _whole(record: Any, key: str) -> int:
    if not isinstance(record, Mapping) or key not in record:
        raise ValueError(f"has no {key}")
    if type(record[key]) is not int:
        raise ValueError(f"has the {key} {record[key]!r}, which is no whole number")
    return int(record[key])


def _box(record: Mapping[str, Any], image: AnnotatedImage) -> tuple[float, float, float, float]:
    x, y, width, height = _numbers(record, "bbox", 4)
    if width <= 0 or height <= 0:
        raise ValueError(f"its box is {width:g}×{height:g} pixels")
    if (what := too_large(math.ceil(width), math.ceil(height))) is not None:
        raise ValueError(f"its box {what}")
    inside = x >= -SLACK and y >= -SLACK
    if image.width is not None and image.height is not None:
        inside = inside and x + width <= image.width + SLACK and y + height <= image.height + SLACK
    if not inside:
        raise ValueError("its box lies outside the picture")
    return x, y, width, height


def _numbers(record: Mapping[str, Any], key: str, count: int | None = None) -> list[float]:
    """A list of finite numbers, of that many where it is said."""
    if key not in record:
        raise ValueError(f"has no {key}")
    values = record[key]
    if not isinstance(values, Sequence) or not all(type(value) in (int, float) for value in values):
        raise ValueError(f"its {key} is no list of numbers")
    if not all(math.isfinite(value) for value in values):
        raise ValueError(f"its {key} holds a value that is not finite")
    if count is not None and len(values) != count:
        raise ValueError(f"its {key} has {len(values)} values instead of {count}")
    return list(values)


def _points(record: Mapping[str, Any]) -> AnnotatedPoints | None:
    if not any(key in record for key in POINT_KEYS):
        return None
    x, y, chart, u, v = (np.array(_numbers(record, key), np.float64) for key in POINT_KEYS)
    if not len(x) == len(y) == len(chart) == len(u) == len(v):
        raise ValueError("its dp_ lists differ in length")
    ranges = ((0, BOX_SIDE), (0, BOX_SIDE), (1, 24), (0, 1), (0, 1))
    for name, array, (low, high) in zip(POINT_KEYS, (x, y, chart, u, v), ranges, strict=True):
        if ((array < low) | (array > high)).any():
            raise ValueError(f"its {name} holds a value outside {low:g}..{high:g}")
    if (chart != np.rint(chart)).any():
        raise ValueError("its dp_I holds a value between two charts")
    return AnnotatedPoints(x_M=x, y_M=y, chart_M=chart.astype(np.int64), u_M=u, v_M=v)


def _part_masks(record: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, ...] | None:
    if "dp_masks" not in record:
        return None
    masks = record["dp_masks"]
    if not isinstance(masks, list) or len(masks) != PART_MASKS:
        raise ValueError(f"its dp_masks are not {PART_MASKS} masks")
    for number, mask in enumerate(masks, start=1):
        if not mask:
            continue
        _checked(f"part mask {number}", mask, check_run_lengths)
        if list(mask["size"]) != [MASK_SIDE, MASK_SIDE]:
            raise ValueError(f"its part mask {number} is not {MASK_SIDE}×{MASK_SIDE}")
    return tuple(mask or None for mask in masks)


def _checked(name: str, mask: Any, check: Callable[[Any], None]) -> None:
    try:
        check(mask)
    except ValueError as error:
        raise ValueError(f"its {name} {error}") from error
