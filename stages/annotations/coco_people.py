"""The people of a COCO file, whichever tool wrote it: for scores and trainings, which want nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.stage import StageError
from stages.annotations.coco_categories import people_categories
from stages.annotations.densepose_coco import REMEDY, Damage, DenseSet, dense_set_of, read_document, refuse


def read_people(path: Path, damage: Damage = refuse, pictures: Path | None = None) -> DenseSet:
    """All pictures of a COCO file, and its people: the annotations of the category that is called "person".

    Whatever number that has. Keypoints are put into COCO's order by the names that the category gives them, and
    records without an id of their own get one. Arguments as `read_dense_set`.

    Raises: StageError as `read_dense_set`, where no category is called so, and where nobody is annotated but in crowds.
    """
    document = read_document(path)
    categories = people_categories(document, path)
    note = categories.note(path, document["annotations"])

    def damaged(record: Any, error: ValueError) -> None:
        damage(StageError(f"annotation {record.get('id', 'without id')}: {error}", str(path), REMEDY))

    people = {**document, "annotations": categories.of_people(document["annotations"], damaged)}
    found = replace(dense_set_of(people, path, damage, pictures), note=note)
    if not found.people:
        detail = f" ({note})" if note else ""
        raise StageError(f"nobody is annotated here{detail}", str(path), "give a file that annotates people")
    if all(person.crowd for person in found.people):
        what = f"all {len(found.people)} people of this file are marked as crowds (iscrowd: 1), so that nobody is left"
        raise StageError(what, str(path), "set iscrowd to 0, or export polygons: CVAT marks every brushed mask so")
    return found
