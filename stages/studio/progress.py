"""How far a task is, for who leads it: images, each annotator's people, points and hours, and how far they agree."""

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
from stages.studio.work.task_list import History, TaskList, reviewed_sheet, reviews_of

HOUR_S = 3600.0


def task_progress(tasks: TaskList) -> dict[str, Any]:
    """JSON of the progress. Hidden gold items are not counted.

    `images`: all, begun, finished by as many as are wanted, and reviewed. `annotators`: name, `review` (of reviewers),
    images, people, parts, points, keypoints, hours of work, and seconds a person. `agreement`: of each pair of
    annotators who finished the same images, as `pair_agreement`.
    """
    names = [one.name for one in tasks.images if not one.gold]
    images = {
        "all": len(names), "begun": sum(any(one.begun for one in tasks.of_image(name).values()) for name in names),
        "finished": sum(is_finished(tasks, name) for name in names),
        "reviewed": sum(reviewed_sheet(tasks, name) is not None for name in names),
    }
    rows = [*_annotators(tasks, names, review=False), *_annotators(reviews_of(tasks), names, review=True)]
    return {"images": images, "annotators": rows, "agreement": list(_agreements(tasks, names))}


def _annotators(tasks: TaskList, names: Sequence[str], *, review: bool) -> Iterator[dict[str, Any]]:
    work: dict[str, list[History]] = {}
    for name in names:
        for who, one in tasks.of_image(name).items():
            if one.begun:
                work.setdefault(who, []).append(one)
    for who, mine in sorted(work.items()):
        amounts = [amount_of(one.sheet) for one in mine]
        total = WorkAmount(
            *(sum(getattr(one, field) for one in amounts) for field in ("people", "masks", "answers", "keypoints"))
        )
        seconds = sum(work.seconds for one in mine for work in one.sheet.people.values())
        yield {
            "who": who, "review": review, "images": sum(one.sheet.status == "finished" for one in mine),
            "people": total.people, "parts": total.masks, "points": total.answers, "keypoints": total.keypoints,
            "hours": round(seconds / HOUR_S, 2), "seconds_a_person": round(seconds / max(total.people, 1), 1),
        }


def _agreements(tasks: TaskList, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """For each pair of annotators what `pair_agreement` says of the people whom both marked."""
    both: dict[tuple[str, str], list[tuple[PersonWork, PersonWork]]] = {}
    for name in names:
        sheets = annotated_sheets(tasks, name)
        people = {who: sheet.people for who, sheet in sheets}
        for group in matched_people(sheets) if len(sheets) > 1 else ():
            for (who, number), (other, theirs) in combinations(sorted(group), 2):
                both.setdefault((who, other), []).append((people[who][number], people[other][theirs]))
    for (who, other), found in sorted(both.items()):
        yield {"annotators": [who, other], **pair_agreement(found)}


def pair_agreement(people: Sequence[tuple[PersonWork, PersonWork]]) -> dict[str, Any]:
    """How far two annotators agree about people whom both marked.

    `box_iou`, `part_iou`: means; parts that only one painted count as 0. `points`: number of pixels for which both gave
    a place, `points_cm`: the median distance of these on the body at rest. None without any.
    """
    boxes = [float(iou(*(np.array([one.box_4], np.float32) for one in pair))[0, 0]) for pair in people]
    parts = [share for one, other in people for share in label_overlaps(one.parts, other.parts).values()]
    ends = [pair for one, other in people for pair in _places(one, other)]
    metres_M = np.zeros(0)
    if ends:
        sides = [rest_points(*(np.array(column) for column in zip(*(pair[side] for pair in ends), strict=True)))
                 for side in (0, 1)]
        metres_M = np.linalg.norm(sides[0] - sides[1], axis=1)
    return {
        "people": len(people), "box_iou": _mean(boxes), "part_iou": _mean(parts), "points": len(ends),
        "points_cm": round(100 * float(np.median(metres_M)), 2) if ends else None,
    }


def _places(one: PersonWork, other: PersonWork) -> Iterator[tuple[tuple[int, float, float], ...]]:
    """The places that both gave for the same pixel."""
    found = [
        {
            (point.x, point.y): (point.answer.chart, point.answer.u, point.answer.v)
            for point in points_in_order(work) if point.answer is not None and point.answer.verdict == "surface"
        }
        for work in (one, other)
    ]
    return ((found[0][pixel], found[1][pixel]) for pixel in found[0] if pixel in found[1])


def _mean(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 3) if values else None
