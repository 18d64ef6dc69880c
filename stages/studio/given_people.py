"""Annotations of a COCO or DensePose-COCO file with which annotators begin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from models.arrays import U8
from models.body.charts import COARSE_OF_CHART
from models.cache import user_path
from models.files.atomic_file import atomic_write
from models.metrics.instances import AnnotatedPoints
from models.metrics.masks import coco_segmentation
from models.surface.body_conversion import Conversion, conversion_to_open_body
from pipeline.stage import StageError
from stages.annotations.coco_categories import id_text, is_person, people_categories
from stages.annotations.coco_documents import read_document
from stages.annotations.coco_masks import decode_mask
from stages.annotations.coco_people import person_rows, read_people
from stages.annotations.densepose_coco import (
    KEYPOINTS,
    MASK_SIDE,
    AnnotatedImage,
    AnnotatedPerson,
    DenseSet,
    write_dense_set,
)
from stages.annotations.point_picking import POINT_RANGE
from stages.studio.given_document import GivenFile, GivenPerson
from stages.studio.people_file import BODY, CATEGORY
from stages.studio.studio_files import GivenImage
from stages.studio.work.actions import Action, Answer, Ask, Paint, SetBox, SetKeypoint, SetKind, SetOutline, Start
from stages.studio.work.part_map import PixelMask
from stages.studio.work.task_list import TaskImage

DENSEPOSE = "densepose"
"""Name of DensePose-COCO's body, in `annotate.body` and in a file's `info.body`."""


def given_path(output: Path) -> Path:
    """The copy of the file with which the work began: `people.given.json` beside `people.json`."""
    return output.with_name(f"{output.stem}.given.json")


def with_given_people(
    images: Sequence[GivenImage], annotations: str, output: Path, *, points: bool, body: str = ""
) -> list[GivenImage]:
    """The images, each with the people of the annotation file with which annotators begin.

    The file is copied beside the result at the first start, so that later runs use the same file.

    Args:
        images: of the task.
        annotations: the file; empty: the copy of the first start, if there is one.
        output: the result.
        points: whether surface points are used.
        body: empty: points are on the open body; else as in `conversion_of`.

    Raises: StageError for another file than at the first start, points on another body, other sizes of images, and a
        file without any of the images.
    """
    copy = given_path(output)
    if annotations:
        _keep_copy(Path(annotations), copy)
    if not copy.exists():
        return list(images)
    known = read_people(copy, unfinished=True)
    read = known
    if points:
        known = _on_open_body(known, annotations or str(copy), body, copy.with_suffix(".converted.json"))
    document = read_document(copy)
    row_of = {image["id"]: row for row, image in enumerate(document["images"])}
    people: dict[int, list[GivenPerson]] = {}
    for row, before, person in zip(person_rows(document, copy), read.people, known.people, strict=True):
        used = person if points else replace(person, points=None)
        moved = before.points is not None and used.points is not before.points
        people.setdefault(row_of[person.image], []).append(GivenPerson(row=row, person=used, moved=moved))
    named: dict[str, list[AnnotatedImage]] = {}
    for one in read.images:
        named.setdefault(_path(one.file_name).name, []).append(one)
    found, rows = [], {}
    for given in images:
        image = image_named(named.get(_path(given.task.name).name, ()), given.task.name)
        if image is None:
            found.append(given)
            continue
        _check_size(image, given.task)
        rows[given.task.name] = row_of[image.id]
        in_image = [given_person.person for given_person in people.get(row_of[image.id], ())]
        found.append(replace(given, start=started(in_image, given.task)) if in_image else given)
    count = Counter(rows.values())
    if twice := [name for name, row in rows.items() if count[row] > 1]:
        what = f"{len(twice)} of the given images have this file name, and the annotations have one such image"
        raise StageError(what, twice[0], "give the image of the file alone, or name it by the path that the file has")
    if not any(row in people for row in rows.values()):
        raise StageError("names none of the given images", annotations or str(copy), "give the images of this file")
    file = GivenFile(document=document, people=people, rows=rows, **_category(document, copy))
    return [replace(given, file=file) for given in found]


def image_named(images: Sequence[AnnotatedImage], name: str) -> AnnotatedImage | None:
    """The image of a file that has the file name of a task's image, in a folder of the same name where both have one.

    Of several, the one whose whole path agrees.

    None where the file has no such image. Raises: StageError where several images remain.
    """
    parts = PurePosixPath(name).parts
    found = [(image, _path(image.file_name).parts) for image in images]
    found = [(image, image_parts) for image, image_parts in found if _is_end(parts[-2:], image_parts[-2:])]
    if len(found) > 1:
        found = [(image, image_parts) for image, image_parts in found if _is_end(parts, image_parts)]
        if len(found) != 1:
            what = "several images of the annotations have this file name"
            raise StageError(what, name, "name the images by the paths that the file has")
    return found[0][0] if found else None


def _path(name: str) -> PurePosixPath:
    return PurePosixPath(name.replace("\\", "/"))


def _is_end(parts: Sequence[str], others: Sequence[str]) -> bool:
    """Whether one path is the end of the other."""
    count = min(len(parts), len(others))
    return parts[-count:] == others[-count:]


def _category(document: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The fields `category` and `keypoints` of `GivenFile`; none where the file has no category of people."""
    categories = people_categories(document, path)
    listed = document.get("categories") or []
    named = [entry for entry in listed if isinstance(entry, Mapping) and is_person(entry.get("name"))]
    ids = [entry["id"] for entry in named if "id" in entry]
    if not ids:
        return {}
    return {"category": ids[0], "keypoints": categories.keypoints.get(id_text(ids[0]))}


def _check_size(image: AnnotatedImage, task: TaskImage) -> None:
    if (image.height or task.height, image.width or task.width) != (task.height, task.width):
        what = f"the file says {image.width}×{image.height} pixels, the image has {task.width}×{task.height}"
        raise StageError(what, task.name, "give the images for which the file was made")


def _keep_copy(source: Path, copy: Path) -> None:
    """Copy the annotation file beside the result. Raises: StageError where the copy has other content."""
    try:
        content = source.read_bytes()
    except OSError as error:
        raise StageError("the annotations are missing", str(source), "name a COCO or DensePose-COCO file") from error
    if copy.exists():
        if copy.read_bytes() != content:
            what = "the work began with other annotations"
            raise StageError(what, str(copy), "write to another file with -o, or leave annotate.annotations out")
        return
    read_people(source, unfinished=True)
    try:
        with atomic_write(copy) as draft:
            draft.write_bytes(content)
    except OSError as error:
        what = f"the annotations cannot be copied ({error.strerror or error})"
        raise StageError(what, str(copy), "name another file with -o") from error


def conversion_of(body: str) -> Conversion:
    """The conversion of points on another body to the open body.

    Args:
        body: `densepose`: points keep their chart, U and V; else a folder with DensePose's `UV_Processed.mat`.

    Raises: ModelError for a file that is missing or damaged.
    """
    return conversion_to_open_body(None if body == DENSEPOSE else user_path(body))


def _on_open_body(known: DenseSet, where: str, body: str, converted: Path) -> DenseSet:
    """The set with its points on the open body. The file `converted` keeps it for later runs, which need no `body`.

    Raises: StageError, ModelError.
    """
    info = known.rest.get("info")
    named = info.get("body") if isinstance(info, dict) else None
    if named == BODY or all(person.points is None for person in known.people):
        return known
    if named not in (None, DENSEPOSE):
        what = f"its points are on {named}, not on the {BODY}"
        raise StageError(what, where, "set annotate.points to false: the points are left out")
    if converted.exists():
        return read_people(converted, unfinished=True)
    if not body:
        what = f"its points are on the body of DensePose-COCO, not on the {BODY}"
        remedy = "set annotate.body to densepose to convert them, or annotate.points to false to leave them out"
        raise StageError(what, where, remedy)
    convert = conversion_of(body)
    people = tuple(
        replace(
            person, points=None if person.points is None else _converted(person.points, convert),
            rest={**person.rest, "category_id": CATEGORY["id"]},
        )
        for person in known.people
    )
    info = {**(info if isinstance(info, dict) else {}), "body": BODY}
    # `read_people` has put the keypoints into COCO's order, so the category must be COCO's.
    found = replace(known, people=people, rest={**known.rest, "info": info, "categories": [CATEGORY]})
    write_dense_set(converted, found)
    return found


def _converted(points: AnnotatedPoints, convert: Conversion) -> AnnotatedPoints:
    chart_M, u_M, v_M = convert(points.chart_M, points.u_M, points.v_M)
    u_M, v_M = (np.clip(value_M, 0, 1).astype(np.float64) for value_M in (u_M, v_M))
    return replace(points, chart_M=chart_M.astype(np.int64), u_M=u_M, v_M=v_M)


def started(people: Sequence[AnnotatedPerson], image: TaskImage) -> Start:
    """The sheet with which annotators of an image begin: the people of a file, numbered from 1."""
    made = (person_actions(number, person, image) for number, person in enumerate(people, start=1))
    return Start(actions=tuple(action for actions in made for action in actions))


def person_actions(number: int, person: AnnotatedPerson, image: TaskImage) -> Iterator[Action]:
    """The actions that make a person of a file on a sheet."""
    x, y, width, height = person.box_4
    x0, y0 = float(np.clip(x, 0, image.width - 1)), float(np.clip(y, 0, image.height - 1))
    x1, y1 = float(np.clip(x + width, x0 + 1, image.width)), float(np.clip(y + height, y0 + 1, image.height))
    yield SetBox(person=number, box_4=(x0, y0, x1, y1))
    if person.crowd:
        yield SetKind(person=number, kind="crowd")
    if person.part_masks is not None:
        yield from _painted_parts(number, person, image)
    segmentation = person.rest.get("segmentation")
    if segmentation and not person.crowd:
        outline = coco_segmentation(segmentation, image.height, image.width)
        outline_HW = np.zeros((1, 1), np.uint8) if outline is None else np.asarray(coco_mask.decode(outline), np.uint8)
        if outline_HW.any():
            yield SetOutline(person=number, mask=_tight(outline_HW))
    if person.points is not None:
        yield from _answers(number, person, image)
    keypoints = person.rest.get("keypoints")
    if keypoints and any(keypoints[2::3]):
        for joint in range(KEYPOINTS):
            at_x, at_y, visibility = keypoints[3 * joint : 3 * joint + 3]
            if visibility > 0 and 0 <= at_x <= image.width and 0 <= at_y <= image.height:
                seen = min(int(visibility), 2)
                yield SetKeypoint(person=number, joint=joint, x=float(at_x), y=float(at_y), visibility=seen)


def _painted_parts(number: int, person: AnnotatedPerson, image: TaskImage) -> Iterator[Action]:
    """The actions that paint part masks, whose grid spans the box, on pixels of the image."""
    assert person.part_masks is not None
    x, y, width, height = person.box_4
    columns, rows = (np.arange(int(np.floor(low)), int(np.ceil(low + size))) for low, size in ((x, width), (y, height)))
    columns, rows = columns[(columns >= 0) & (columns < image.width)], rows[(rows >= 0) & (rows < image.height)]
    cell_w = np.clip((columns + 0.5 - x) / width * MASK_SIDE, 0, MASK_SIDE - 1).astype(int)
    cell_h = np.clip((rows + 0.5 - y) / height * MASK_SIDE, 0, MASK_SIDE - 1).astype(int)
    for part, mask in enumerate(person.part_masks, start=1):
        inside_hw = np.zeros((0, 0), bool) if mask is None else decode_mask(mask)[np.ix_(cell_h, cell_w)] > 0
        if inside_hw.any():
            yield Paint(person=number, part=part, mask=PixelMask.of_array(inside_hw, int(columns[0]), int(rows[0])))


def _tight(whole_HW: U8) -> PixelMask:
    rows, columns = np.flatnonzero(whole_HW.any(axis=1)), np.flatnonzero(whole_HW.any(axis=0))
    inside_hw = whole_HW[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] > 0
    return PixelMask.of_array(inside_hw, int(columns[0]), int(rows[0]))


def _answers(number: int, person: AnnotatedPerson, image: TaskImage) -> Iterator[Action]:
    """The actions that ask for the annotated points, and answer them."""
    points = person.points
    assert points is not None
    x, y, width, height = person.box_4
    column_M = np.clip(points.x_M * width / POINT_RANGE + x, 0, image.width - 1).astype(int)
    row_M = np.clip(points.y_M * height / POINT_RANGE + y, 0, image.height - 1).astype(int)
    part_M = COARSE_OF_CHART[points.chart_M]
    for part in np.unique(part_M).tolist():
        index_K = np.flatnonzero(part_M == part)
        pixels = tuple(zip(column_M[index_K].tolist(), row_M[index_K].tolist(), strict=True))
        yield Ask(person=number, part=int(part), pixels=pixels)
        for index, row in enumerate(index_K.tolist()):
            yield Answer(
                person=number, part=int(part), number=index, verdict="surface", chart=int(points.chart_M[row]),
                u=float(points.u_M[row]), v=float(points.v_M[row]),
            )
