"""Files in the DensePose-COCO format and its variant of DensePose-PoseTrack: read, check and write."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from models.arrays import I64
from models.body.charts import COARSE_NAMES
from models.files.image_size import too_large
from models.metrics.instances import AnnotatedPoints
from models.variant import MESHES
from pipeline.stage import StageError
from stages.annotations.coco_documents import read_document, write_document
from stages.annotations.coco_masks import check_run_lengths, check_segmentation
from stages.annotations.image_folders import image_path

POINT_KEYS = ("dp_x", "dp_y", "dp_I", "dp_U", "dp_V")
VERTEX_KEYS = ("dp_vertex", "ref_model")
"""Of files for continuous surface embeddings, beside the others: vertices from 0, and the name of their mesh."""
PART_MASKS = len(COARSE_NAMES) - 1
KEYPOINTS = 17
MASK_SIDE = 256
BOX_SIDE = 256.0
"""Maximum of dp_x and dp_y (256 in the format's documentation, 255 in its evaluator)."""
BOX_TOLERANCE = 1.0
"""Pixels by which a box may exceed the image: COCO's boxes are rounded."""
REMEDY = "correct the record, or skip damaged records"

DamageHandler = Callable[[StageError], None]
"""Called for each damaged record: `refuse` raises the error, `Skipped` counts it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedImage:
    """An image of a set. Height and width are None if the file lacks them (PoseTrack); `rest`: all other fields.

    `complete: false` among them: its annotation is not finished.
    """

    id: int
    file_name: str
    height: int | None
    width: int | None
    video: str | None = None
    frame: int | None = None
    rest: Mapping[str, Any] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether all people of the image are annotated."""
        return self.rest.get("complete") is not False


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedPerson:
    """An annotated person.

    Attributes:
        id, image: ids of the annotation and of its image.
        box_4: x, y, width, height in pixels.
        points: annotated surface points, None for a person without any.
        part_masks: masks of the 14 coarse parts as run lengths, on 256 × 256 cells over the box; None for an invisible
            part; None instead of all where the record has no masks.
        track: PoseTrack's track id in its video.
        rest: the record's other fields (area, segmentation, keypoints …), unchanged.
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
        """Whether the annotation is a crowd: a region of many people."""
        return bool(self.rest.get("iscrowd"))


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseSet:
    """A file of annotations.

    Attributes:
        rest: the document's other entries (info, licenses, categories …).
        note: message about which annotations count as people; empty where all do.
    """

    images: tuple[AnnotatedImage, ...]
    people: tuple[AnnotatedPerson, ...]
    rest: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""


def refuse(error: StageError) -> None:
    """Raises the error: for files that must not have damaged records."""
    raise error


class Skipped:
    """Collects the errors of damaged records instead of raising the first one."""

    def __init__(self) -> None:
        self.errors: list[StageError] = []

    def __call__(self, error: StageError) -> None:
        self.errors.append(error)

    def __len__(self) -> int:
        return len(self.errors)

    def counts(self) -> dict[str, int]:
        """Number of records by error."""
        return dict(Counter(error.what.partition(": ")[2] or error.what for error in self.errors))


DAMAGE_HANDLERS: dict[str, Callable[[], DamageHandler]] = {"refuse": lambda: refuse, "skip": Skipped}
"""Handlers by the value of the configuration key `damaged`."""


def read_dense_set(path: Path, damage: DamageHandler = refuse, image_folder: Path | None = None) -> DenseSet:
    """All images and annotations of a DensePose-COCO or DensePose-PoseTrack file, unchanged.

    Args:
        path: the JSON file.
        damage: called for each damaged record; the others are read.
        image_folder: if given, each image must be a file in it.

    Raises: StageError for a file that is missing, not JSON, or without images and annotations; and what `damage`
        raises, with the file and the annotation or image.

    >>> import json, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "people.json")
    ...     person = {"id": 5, "image_id": 1, "category_id": 1, "bbox": [10, 20, 30, 40]}
    ...     images = [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 64}]
    ...     _ = path.write_text(json.dumps({"images": images, "annotations": [person]}))
    ...     found = read_dense_set(path)
    >>> [image.file_name for image in found.images], [one.box_4 for one in found.people], found.people[0].points
    (['a.jpg'], [(10, 20, 30, 40)], None)
    """
    return dense_set_of(read_document(path), path, damage, image_folder)


def dense_set_of(
    document: Mapping[str, Any], path: Path, damage: DamageHandler = refuse, image_folder: Path | None = None
) -> DenseSet:
    """The set of a parsed document. Arguments and errors as `read_dense_set`; errors name `path`."""
    images: dict[int, AnnotatedImage] = {}
    for record in document["images"]:
        made = _kept(_image, record, path, damage, image_folder)
        if made is not None and made.id in images:
            damage(StageError(f"image {made.id}: another image has the same id", str(path), REMEDY))
        elif made is not None:
            images[made.id] = made
    people = [made for record in document["annotations"] if (made := _kept(_person, record, path, damage, images))]
    rest = {key: value for key, value in document.items() if key not in ("images", "annotations")}
    return DenseSet(images=tuple(images.values()), people=tuple(people), rest=rest)


def write_dense_set(path: Path, dense_set: DenseSet) -> None:
    """Write a set atomically. Sets that were read are written with the same values.

    Raises: StageError when the file cannot be written.
    """
    write_document(path, set_document(dense_set))


def set_document(dense_set: DenseSet) -> dict[str, Any]:
    """The document of a set, as JSON has it."""
    return {
        **dense_set.rest,
        "images": [image_record(image) for image in dense_set.images],
        "annotations": [person_record(person) for person in dense_set.people],
    }


def image_record(image: AnnotatedImage) -> dict[str, Any]:
    """The JSON record of an image."""
    named = {"height": image.height, "width": image.width, "vid_id": image.video, "frame_id": image.frame}
    given = {key: value for key, value in named.items() if value is not None}
    return {**image.rest, "id": image.id, "file_name": image.file_name, **given}


def person_record(person: AnnotatedPerson) -> dict[str, Any]:
    """The JSON record of a person: COCO's fields and the `dp_` fields."""
    record: dict[str, Any] = {**person.rest, "id": person.id, "image_id": person.image, "bbox": list(person.box_4)}
    if person.track is not None:
        record["track_id"] = person.track
    if person.points is not None:
        points = person.points
        arrays = (points.x_M, points.y_M, points.chart_M.astype(np.float64), points.u_M, points.v_M)
        record |= {key: array.tolist() for key, array in zip(POINT_KEYS, arrays, strict=True)}
        if points.vertex_M is not None:
            record |= {"dp_vertex": points.vertex_M.tolist(), "ref_model": points.mesh}
    if person.part_masks is not None:
        record["dp_masks"] = [[] if mask is None else dict(mask) for mask in person.part_masks]
    return record


def _kept(make: Callable[[Any, Any], Any], record: Any, path: Path, damage: DamageHandler, context: Any) -> Any:
    """`make` of a record; None for a damaged record, after `damage` was called."""
    try:
        return make(record, context)
    except (ValueError, OverflowError) as error:
        kind = "image" if make is _image else "annotation"
        number = record.get("id", "without id") if isinstance(record, Mapping) else "that is not a record"
        damage(StageError(f"{kind} {number}: {error}", str(path), REMEDY))
        return None


def _image(record: Any, image_folder: Path | None) -> AnnotatedImage:
    """Raises: ValueError for a damaged record."""
    identity, name = _whole(record, "id"), record.get("file_name")
    if not isinstance(name, str) or not name:
        raise ValueError("has no file_name")
    if image_folder is not None and not image_path(image_folder, name).is_file():
        raise ValueError(f"its file {name} is missing")
    own = ("id", "file_name", "height", "width", "vid_id", "frame_id")
    sizes = {key: _whole(record, key) for key in ("height", "width", "frame_id") if key in record}
    if (what := too_large(sizes.get("width", 1), sizes.get("height", 1))) is not None:
        raise ValueError(what)
    video = record.get("vid_id")
    if video is not None and not isinstance(video, str):
        raise ValueError("has a vid_id that is not text")
    return AnnotatedImage(
        id=identity, file_name=name, height=sizes.get("height"), width=sizes.get("width"), video=video,
        frame=sizes.get("frame_id"), rest={key: value for key, value in record.items() if key not in own},
    )


def _person(record: Any, images: Mapping[int, AnnotatedImage]) -> AnnotatedPerson:
    """Raises: ValueError for a damaged record."""
    identity, image = _whole(record, "id"), _whole(record, "image_id")
    if image not in images:
        raise ValueError(f"its image {image} is missing")
    own = {"id", "image_id", "bbox", "track_id", "dp_masks", *POINT_KEYS, *VERTEX_KEYS}
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
        raise ValueError(f"has the {key} {record[key]!r}, which is not a whole number")
    return int(record[key])


def _box(record: Mapping[str, Any], image: AnnotatedImage) -> tuple[float, float, float, float]:
    x, y, width, height = _numbers(record, "bbox", 4)
    if width <= 0 or height <= 0:
        raise ValueError(f"its box is {width:g}×{height:g} pixels")
    if (what := too_large(math.ceil(width), math.ceil(height))) is not None:
        raise ValueError(f"its box {what}")
    inside = x >= -BOX_TOLERANCE and y >= -BOX_TOLERANCE
    if image.width is not None and image.height is not None:
        inside = inside and x + width <= image.width + BOX_TOLERANCE and y + height <= image.height + BOX_TOLERANCE
    if not inside:
        raise ValueError("its box lies outside the image")
    return x, y, width, height


def _numbers(record: Mapping[str, Any], key: str, count: int | None = None) -> list[float]:
    """A field that is a list of finite numbers, `count` of them if given. Raises: ValueError."""
    if key not in record:
        raise ValueError(f"has no {key}")
    values = record[key]
    if not isinstance(values, Sequence) or not all(type(value) in (int, float) for value in values):
        raise ValueError(f"its {key} is not a list of numbers")
    if not all(math.isfinite(value) for value in values):
        raise ValueError(f"its {key} holds a value that is not finite")
    if count is not None and len(values) != count:
        raise ValueError(f"its {key} has {len(values)} values instead of {count}")
    return list(values)


def _points(record: Mapping[str, Any]) -> AnnotatedPoints | None:
    if not any(key in record for key in (*POINT_KEYS, *VERTEX_KEYS)):
        return None
    x, y, chart, u, v = (np.array(_numbers(record, key), np.float64) for key in POINT_KEYS)
    if not len(x) == len(y) == len(chart) == len(u) == len(v):
        raise ValueError("its dp_ lists have different lengths")
    ranges = ((0, BOX_SIDE), (0, BOX_SIDE), (1, 24), (0, 1), (0, 1))
    for name, array, (low, high) in zip(POINT_KEYS, (x, y, chart, u, v), ranges, strict=True):
        if ((array < low) | (array > high)).any():
            raise ValueError(f"its {name} holds a value outside {low:g}..{high:g}")
    if (chart != np.rint(chart)).any():
        raise ValueError("its dp_I holds a fractional value")
    vertex_M, mesh = _vertices(record, len(x))
    return AnnotatedPoints(x_M=x, y_M=y, chart_M=chart.astype(np.int64), u_M=u, v_M=v, vertex_M=vertex_M, mesh=mesh)


def _vertices(record: Mapping[str, Any], count: int) -> tuple[I64 | None, str]:
    """The points' vertices and the name of their mesh; None without vertices. Raises: ValueError."""
    if not any(key in record for key in VERTEX_KEYS):
        return None, ""
    mesh = record.get("ref_model")
    if not isinstance(mesh, str) or mesh not in MESHES:
        raise ValueError(f"its ref_model is {mesh!r}, none of {', '.join(MESHES)}")
    vertex = np.array(_numbers(record, "dp_vertex", count), np.float64)
    if (vertex != np.rint(vertex)).any() or (vertex < -1).any() or (vertex >= MESHES[mesh]).any():
        raise ValueError(f"its dp_vertex holds a value that is no vertex of {mesh}")
    return vertex.astype(np.int64), mesh


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
