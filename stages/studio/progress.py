"""The progress of a task, for the person who leads it: images, work of each annotator, and their agreement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from models.box_overlap import iou
from stages.studio.adjudication import annotated_sheets
from stages.studio.answer_preview import rest_points
from stages.studio.desk import is_finished
from stages.studio.disagreements import label_overlaps, matched_people
from stages.studio.image_results import points_in_order
from stages.studio.work.sheet import PersonWork, WorkAmount, amount_of
from stages.studio.work.task_list import TaskList, reviewed_sheet, reviews_of
from stages.studio.work.undo_history import History

HOUR_S = 3600.0


def task_progress(tasks: TaskList) -> dict[str, Any]:
    """JSON of the progress, without gold items.

    `images`: numbers of all, begun, finished (`is_finished`) and reviewed images. `annotators`: `who` (the name),
    `review` (true for reviewers), images, people, parts, points, keypoints, hours of work, and seconds a person.
    `agreement`: of each pair of annotators who finished the same images, as `pair_agreement`.
    """
    names = [image.name for image in tasks.images if not image.gold]
    begun = [name for name in names if any(history.begun for history in tasks.of_image(name).values())]
    images = {
        "all": len(names), "begun": len(begun), "finished": sum(is_finished(tasks, name) for name in names),
        "reviewed": sum(reviewed_sheet(tasks, name) is not None for name in names),
    }
    rows = [*_annotators(tasks, names, review=False), *_annotators(reviews_of(tasks), names, review=True)]
    return {"images": images, "annotators": rows, "agreement": list(_agreements(tasks, names))}


def _annotators(tasks: TaskList, names: Sequence[str], *, review: bool) -> Iterator[dict[str, Any]]:
    work: dict[str, list[History]] = {}
    for name in names:
        for annotator, history in tasks.of_image(name).items():
            if history.begun:
                work.setdefault(annotator, []).append(history)
    for annotator, histories in sorted(work.items()):
        amounts = [amount_of(history.sheet) for history in histories]
        fields = ("people", "masks", "answers", "keypoints")
        total = WorkAmount(*(sum(getattr(amount, field) for amount in amounts) for field in fields))
        seconds = sum(work.seconds for history in histories for work in history.sheet.people.values())
        yield {
            "who": annotator, "review": review,
            "images": sum(history.sheet.status == "finished" for history in histories),
            "people": total.people, "parts": total.masks, "points": total.answers, "keypoints": total.keypoints,
            "hours": round(seconds / HOUR_S, 2), "seconds_a_person": round(seconds / max(total.people, 1), 1),
        }


def _agreements(tasks: TaskList, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """`pair_agreement` of each pair of annotators, for the people that both marked."""
    both: dict[tuple[str, str], list[tuple[PersonWork, PersonWork]]] = {}
    for name in names:
        sheets = annotated_sheets(tasks, name)
        people = {annotator: sheet.people for annotator, sheet in sheets}
        for group in matched_people(sheets) if len(sheets) > 1 else ():
            for (annotator, number), (other, other_number) in combinations(sorted(group), 2):
                both.setdefault((annotator, other), []).append((people[annotator][number], people[other][other_number]))
    for (annotator, other), found in sorted(both.items()):
        yield {"annotators": [annotator, other], **pair_agreement(found)}


def pair_agreement(people: Sequence[tuple[PersonWork, PersonWork]]) -> dict[str, Any]:
    """The agreement of two annotators about people that both marked.

    `people`: their number. `box_iou`, `part_iou`: means; parts that only one annotator painted count as 0. `points`:
    number of pixels that both answered by a point on the surface; `points_cm`: the median distance of these points on
    the body at rest. None where there is no value.
    """
    boxes = [float(iou(*(np.array([work.box_4], np.float32) for work in pair))[0, 0]) for pair in people]
    parts = [share for first, other in people for share in label_overlaps(first.parts, other.parts).values()]
    ends = [pair for first, other in people for pair in _places(first, other)]
    metres_M = np.zeros(0)
    if ends:
        sides = [rest_points(*(np.array(column) for column in zip(*(pair[side] for pair in ends), strict=True)))
                 for side in (0, 1)]
        metres_M = np.linalg.norm(sides[0] - sides[1], axis=1)
    return {
        "people": len(people), "box_iou": _mean(boxes), "part_iou": _mean(parts), "points": len(ends),
        "points_cm": round(100 * float(np.median(metres_M)), 2) if ends else None,
    }


def _places(first: PersonWork, other: PersonWork) -> Iterator[tuple[tuple[int, float, float], ...]]:
    """The points on the surface (chart, U, V) that both annotators gave for the same pixel."""
    found = [
        {
            (point.x, point.y): (point.answer.chart, point.answer.u, point.answer.v)
            for point in points_in_order(work) if point.answer is not None and point.answer.verdict == "surface"
        }
        for work in (first, other)
    ]
    return ((found[0][pixel], found[1][pixel]) for pixel in found[0] if pixel in found[1])


def _mean(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 3) if values else None
