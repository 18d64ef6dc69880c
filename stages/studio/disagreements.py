"""Disagreements of annotators about a person: boxes, parts, outlines, points and keypoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from models.body.charts import COARSE_NAMES
from models.box_overlap import iou
from stages.annotations.densepose_coco import KEYPOINTS
from stages.studio.annotation_check import suspicious_points
from stages.studio.answer_preview import rest_points
from stages.studio.asked_pixels import SAME_PERSON_IOU
from stages.studio.people_file import points_of, whole_box
from stages.studio.work.actions import Answer, SetKeypoint
from stages.studio.work.part_map import PartMap, PixelMask, packed_map
from stages.studio.work.sheet import PersonWork, WorkSheet
from stages.studio.work.task_list import TaskImage

MIN_BOX_IOU, MIN_OUTLINE_IOU, MIN_PART_IOU = 0.8, 0.8, 0.6
"""Boxes, outlines and parts agree with at least this IoU; small parts have a smaller IoU for the same error."""
AGREEMENT_M, TWO_CHARTS_AGREEMENT_M = 0.10, 0.03
"""Answers agree up to this distance, metres on the body at rest: answers on one chart, and on two charts."""
LARGEST_DISTANCE_M = 0.30
"""Answers at this distance or more, metres, have a disagreement of 1."""
JOINT_AGREEMENT = 0.05
"""Keypoints agree up to this distance, in longer sides of the box."""
DOUBTFUL_SIZE = 0.4
"""Size of the disagreement of an answer with its neighbours."""
OTHER_VERDICT_SIZE = 0.5
"""Size of the disagreement of a point on the surface with the answer `hidden`."""
Works = Mapping[str, PersonWork]
"""The work of each annotator on one person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """An item about which annotators disagree.

    Attributes:
        item: as in `Decide`.
        size: from 0 to 1; 1 = nothing in common.
        description: for the reviewer.
    """

    item: str
    size: float
    description: str


def matched_people(sheets: Sequence[tuple[str, WorkSheet]]) -> list[tuple[tuple[str, int], ...]]:
    """The people of several annotators. A person is pairs of an annotator and the person's number on their sheet.

    Boxes of two annotators are matched by IoU, the largest first.
    """
    groups: list[list[tuple[str, int]]] = []
    boxes: list[tuple[float, float, float, float]] = []
    for annotator, sheet in sheets:
        people = sorted(sheet.people.items())
        unmatched, free = dict(people), set(range(len(groups)))
        box_N4 = np.array([work.box_4 for _, work in people], np.float32).reshape(-1, 4)
        overlap_NG = iou(box_N4, np.array(boxes, np.float32).reshape(-1, 4))
        for cell in np.argsort(-overlap_NG, axis=None, kind="stable").tolist():
            row, group = divmod(cell, len(boxes))
            number = people[row][0]
            if overlap_NG[row, group] >= SAME_PERSON_IOU and group in free and number in unmatched:
                groups[group].append((annotator, number))
                free.remove(group)
                del unmatched[number]
        groups += [[(annotator, number)] for number in unmatched]
        boxes += [work.box_4 for work in unmatched.values()]
    return [tuple(group) for group in groups]


def disagreements(works: Works, annotators: Sequence[str]) -> list[Disagreement]:
    """The disagreements of annotators about a person, the largest first.

    Args:
        works: of the annotators who marked the person.
        annotators: all who finished the image.
    """
    found = []
    missing = [name for name in annotators if name not in works]
    if missing:
        found.append(Disagreement(item="person", size=1.0, description=f"not marked by {', '.join(missing)}"))
    if len({work.kind for work in works.values()}) > 1:
        kinds = ", ".join(f"{name}: {work.kind.replace('_', ' ')}" for name, work in works.items())
        found.append(Disagreement(item="kind", size=1.0, description=kinds))
    people = {name: work for name, work in works.items() if work.kind == "person"}
    found += [*_boxes(works), *_masks(people), *_points(works), *_joints(people)]
    return sorted(found, key=lambda disagreement: -disagreement.size)


def _overlap(item: str, shares: Sequence[float], min_iou: float) -> Iterator[Disagreement]:
    """A disagreement where the smallest IoU of two annotators is below `min_iou`."""
    if shares and min(shares) < min_iou:
        yield Disagreement(item=item, size=1 - min(shares), description=f"overlap (IoU) {min(shares):.2f}")


def _boxes(works: Works) -> Iterator[Disagreement]:
    boxes = [np.array([work.box_4], np.float32) for work in works.values()]
    yield from _overlap("box", [float(iou(a, b)[0, 0]) for a, b in combinations(boxes, 2)], MIN_BOX_IOU)


def _masks(works: Works) -> Iterator[Disagreement]:
    """Disagreements about outlines and parts, between each two annotators who both have them."""
    outlines = [outline_map(work.outline) for work in works.values() if work.outline is not None]
    overlaps = [label_overlaps(a, b).get(1, 1.0) for a, b in combinations(outlines, 2)]
    yield from _overlap("outline", overlaps, MIN_OUTLINE_IOU)
    maps = [work.parts for work in works.values() if work.parts is not None]
    shares = [label_overlaps(a, b) for a, b in combinations(maps, 2)]
    for part in range(1, len(COARSE_NAMES)):
        yield from _overlap(f"part {part}", [share[part] for share in shares if part in share], MIN_PART_IOU)


def outline_map(outline: PixelMask | None) -> PartMap | None:
    """An outline as a map of the labels 0 and 1."""
    return None if outline is None else packed_map(outline.inside_hw.astype(np.uint8), outline.x, outline.y)


def label_overlaps(first: PartMap | None, other: PartMap | None) -> dict[int, float]:
    """IoU of each label that at least one of two maps has; none where a map is missing."""
    if first is None or other is None:
        return {}
    x0, y0 = min(first.x, other.x), min(first.y, other.y)
    x1, y1 = max(first.x + first.width, other.x + other.width), max(first.y + first.height, other.y + other.height)
    a_hw, b_hw = first.labels_in(x0, y0, x1, y1), other.labels_in(x0, y0, x1, y1)
    a, b, both = (
        np.bincount(labels.ravel(), minlength=len(COARSE_NAMES)) for labels in (a_hw, b_hw, a_hw[a_hw == b_hw])
    )
    return {
        label: float(both[label] / (a[label] + b[label] - both[label]))
        for label in range(1, len(COARSE_NAMES)) if a[label] + b[label]
    }


def _points(works: Works) -> Iterator[Disagreement]:
    """Disagreements about points at the same pixels; they have the first annotator's numbers."""
    base = next(iter(works.values()), None)
    for part, points in (base.asked if base is not None and base.kind == "person" else {}).items():
        for number, point in enumerate(points):
            answers = [answer_at(work, part, point.x, point.y) for work in works.values()]
            given = [answer for answer in answers if answer is not None and answer.verdict in ("surface", "hidden")]
            size, text = max((_answer_gap(a, b) for a, b in combinations(given, 2)), default=(0.0, ""))
            if size:
                yield Disagreement(item=f"point {part} {number}", size=size, description=text)


def answer_at(work: PersonWork, part: int, x: int, y: int) -> Answer | None:
    """The answer to the asked point of a part at pixel (x, y); None without an answer."""
    return next((point.answer for point in work.asked.get(part, ()) if (point.x, point.y) == (x, y)), None)


def _answer_gap(first: Answer, other: Answer) -> tuple[float, str]:
    """Size and description of the disagreement of two answers; 0 where they agree."""
    if first.verdict != other.verdict:
        return OTHER_VERDICT_SIZE, "one annotator answers hidden"
    if first.verdict == "hidden":
        return 0.0, ""
    chart_2 = np.array([first.chart, other.chart])
    point_23 = rest_points(chart_2, np.array([first.u, other.u]), np.array([first.v, other.v]))
    metres = float(np.linalg.norm(point_23[0] - point_23[1]))
    same_chart = first.chart == other.chart
    if metres < (AGREEMENT_M if same_chart else TWO_CHARTS_AGREEMENT_M):
        return 0.0, ""
    text = f"distance {100 * metres:.0f} cm" + ", on two charts" * (not same_chart)
    return min(1.0, metres / LARGEST_DISTANCE_M), text


def doubtful_points(work: PersonWork, image: TaskImage) -> list[Disagreement]:
    """Answers of one annotator that do not agree with the answers of neighbouring points (`suspicious_points`)."""
    box = whole_box(work, image)
    points = points_of(work, box) if work.kind == "person" else None
    if points is None:
        return []
    answered = [
        f"point {part} {number}"
        for part, asked in sorted(work.asked.items())
        for number, point in enumerate(asked) if point.answer is not None and point.answer.verdict == "surface"
    ]
    far_M = suspicious_points(points, (box[0], box[1], box[2] - box[0], box[3] - box[1]))
    text = "does not agree with its neighbours"
    return [
        Disagreement(item=item, size=DOUBTFUL_SIZE, description=text)
        for item, far in zip(answered, far_M, strict=True) if far
    ]


def _joints(works: Works) -> Iterator[Disagreement]:
    for joint in range(KEYPOINTS):
        set_by = [(work.keypoints[joint], work.box_4) for work in works.values() if joint in work.keypoints]
        gaps = (_joint_gap(a, b, box_4) for (a, box_4), (b, _) in combinations(set_by, 2))
        size, text = max(gaps, default=(0.0, ""))
        if size:
            yield Disagreement(item=f"joint {joint}", size=size, description=text)


def _joint_gap(first: SetKeypoint, other: SetKeypoint, box_4: tuple[float, float, float, float]) -> tuple[float, str]:
    """Size and description of the disagreement of two keypoints; 0 where they agree."""
    if (first.visibility > 0) != (other.visibility > 0):
        return OTHER_VERDICT_SIZE, "one annotator answers: not in the image"
    pixels = float(np.hypot(first.x - other.x, first.y - other.y))
    share = pixels / max(box_4[2] - box_4[0], box_4[3] - box_4[1])
    if share < JOINT_AGREEMENT:
        return 0.0, ""
    return min(1.0, share / (6 * JOINT_AGREEMENT)), f"distance {pixels:.0f} pixels"
