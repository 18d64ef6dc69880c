"""The people of a COCO file from any annotation tool, for evaluation and training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.stage import StageError
from stages.annotations.coco_categories import people_categories
from stages.annotations.coco_documents import read_document
from stages.annotations.densepose_coco import REMEDY, DamageHandler, DenseSet, dense_set_of, refuse


def read_people(
    path: Path, damage: DamageHandler = refuse, image_folder: Path | None = None, *, unfinished: bool = False
) -> DenseSet:
    """All images of a COCO file, and its people: the annotations of the category with the name "person", of any id.

    Keypoints are sorted into COCO's order by the names in the category. Records without a unique id get one.
    Arguments as `read_dense_set`, and:

        unfinished: whether images with `complete: false` are taken; else they are left out, and the note says it.

    Raises: StageError as `read_dense_set`, where no category has this name, and where crowds alone are annotated.
    """
    document = read_document(path)
    categories = people_categories(document, path)
    note = categories.note(path, document["annotations"])

    def damaged(record: Any, error: ValueError) -> None:
        damage(StageError(f"annotation {record.get('id', 'without id')}: {error}", str(path), REMEDY))

    people = {**document, "annotations": categories.of_people(document["annotations"], damaged)}
    found = dense_set_of(people, path, damage, image_folder)
    found = replace(found, note=note) if unfinished else _finished(found, note, path)
    note = found.note
    if not found.people:
        detail = f" ({note})" if note else ""
        raise StageError(f"holds no annotated person{detail}", str(path), "name a file with annotated people")
    if all(person.crowd for person in found.people):
        what = f"marks all {len(found.people)} people as crowds (iscrowd: 1), so that no person is left"
        raise StageError(what, str(path), "set iscrowd to 0, or export polygons: CVAT marks brush masks as crowds")
    return found


def person_rows(document: Mapping[str, Any], path: Path) -> list[int]:
    """The indexes of a document's annotations that `read_people` takes for people, in their order."""
    categories = people_categories(document, path)
    return [row for row, record in enumerate(document["annotations"]) if categories.is_of_person(record)]


def _finished(found: DenseSet, note: str, path: Path) -> DenseSet:
    """The set without the images that are not finished, whose people may be missing."""
    images = tuple(image for image in found.images if image.complete)
    if left := len(found.images) - len(images):
        unfinished_note = f"{left} of {len(found.images)} images are not finished (complete: false) and are left out"
        note = f"{note}; {unfinished_note}" if note else f"{path.name}: {unfinished_note}"
    known = {image.id for image in images}
    people = tuple(person for person in found.people if person.image in known)
    return replace(found, images=images, people=people, note=note)
