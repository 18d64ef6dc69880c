"""Where annotators of an image disagree about a person: boxes, parts, outlines, points and keypoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from models.arrays import Int
from models.body.charts import COARSE_NAMES
from models.box_overlap import iou
from stages.annotations.densepose_coco import KEYPOINTS
from stages.studio.annotation_check import suspicious_points
from stages.studio.answer_preview import rest_points
from stages.studio.asked_pixels import SAME_PERSON
from stages.studio.people_file import points_of, whole_box
from stages.studio.work.actions import Answer, SetKeypoint
from stages.studio.work.part_map import PartMap, PixelMask, packed_map
from stages.studio.work.sheet import PersonWork, WorkSheet
from stages.studio.work.task_list import TaskImage

LEAST_BOX, LEAST_OUTLINE, LEAST_PART = 0.8, 0.8, 0.6
"""IoU from which boxes, outlines and parts agree."""
APART_M, OTHER_CHART_M = 0.10, 0.03
"""Metres on the body at rest from which two answers disagree: on one chart, and on two."""
WORST_M = 0.30
"""Metres of the greatest disagreement."""
JOINT_APART = 0.05
"""Distance of two keypoints that disagree, in longer sides of the box."""
DOUBTFUL = 0.4
"""Disagreement of an answer with those of its neighbours."""
OTHER_VERDICT = 0.5
"""Disagreement of a place on the body and `hidden`."""
Works = Mapping[str, PersonWork]
"""The work of each annotator on one person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """Something that annotators see differently.

    Attributes:
        item: as in `Decide`.
        size: 0..1; 1 = nothing in common.
        what: a few words.
    """

    item: str
    size: float
    what: str


def matched_people(sheets: Sequence[tuple[str, WorkSheet]]) -> list[tuple[tuple[str, int], ...]]:
    """The people of several annotators: each has the annotators' names with their number of the person.

    Boxes that overlap most are of the same person.
    """
    groups: list[list[tuple[str, int]]] = []
    boxes: list[tuple[float, float, float, float]] = []
    for who, sheet in sheets:
        mine = sorted(sheet.people.items())
        left, free = dict(mine), set(range(len(groups)))
        box_N4 = np.array([work.box_4 for _, work in mine], np.float32).reshape(-1, 4)
        overlap_NG = iou(box_N4, np.array(boxes, np.float32).reshape(-1, 4))
        for at in np.argsort(-overlap_NG, axis=None, kind="stable").tolist():
            row, group = divmod(at, len(boxes))
            number = mine[row][0]
            if overlap_NG[row, group] >= SAME_PERSON and group in free and number in left:
                groups[group].append((who, number))
                free.remove(group)
                del left[number]
        groups += [[(who, number)] for number in left]
        boxes += [work.box_4 for work in left.values()]
    return [tuple(one) for one in groups]


def disagreements(works: Works, annotators: Sequence[str]) -> list[Disagreement]:
    """Where the annotators of an image disagree about a person, the greatest first.

    `works`: of those who marked the person.
    """
    found = []
    missing = [name for name in annotators if name not in works]
    if missing:
        found.append(Disagreement(item="person", size=1.0, what=f"not marked by {', '.join(missing)}"))
    if len({one.kind for one in works.values()}) > 1:
        kinds = ", ".join(f"{name}: {one.kind.replace('_', ' ')}" for name, one in works.items())
        found.append(Disagreement(item="kind", size=1.0, what=kinds))
    people = {name: one for name, one in works.items() if one.kind == "person"}
    found += [*_boxes(works), *_masks(people), *_points(works), *_joints(people)]
    return sorted(found, key=lambda one: -one.size)


def _overlap(item: str, shares: Sequence[float], least: float) -> Iterator[Disagreement]:
    """A disagreement where the least overlap of two is too small."""
    if shares and min(shares) < least:
        yield Disagreement(item=item, size=1 - min(shares), what=f"overlap (IoU) {min(shares):.2f}")


def _boxes(works: Works) -> Iterator[Disagreement]:
    boxes = [np.array([one.box_4], np.float32) for one in works.values()]
    yield from _overlap("box", [float(iou(a, b)[0, 0]) for a, b in combinations(boxes, 2)], LEAST_BOX)


def _masks(works: Works) -> Iterator[Disagreement]:
    """Outlines, where each of two annotators has one, and parts, where each has painted."""
    outlines = [outline_map(one.outline) for one in works.values() if one.outline is not None]
    overlaps = [label_overlaps(a, b).get(1, 1.0) for a, b in combinations(outlines, 2)]
    yield from _overlap("outline", overlaps, LEAST_OUTLINE)
    maps = [one.parts for one in works.values() if one.parts is not None]
    shares = [label_overlaps(a, b) for a, b in combinations(maps, 2)]
    for part in range(1, len(COARSE_NAMES)):
        yield from _overlap(f"part {part}", [one[part] for one in shares if part in one], LEAST_PART)


def outline_map(outline: PixelMask | None) -> PartMap | None:
    """An outline as a map of the labels 0 and 1."""
    return None if outline is None else packed_map(outline.inside_hw.astype(np.uint8), outline.x, outline.y)


def label_overlaps(one: PartMap | None, other: PartMap | None) -> dict[int, float]:
    """IoU of each label that either map has."""
    if one is None or other is None:
        return {}
    x0, y0 = min(one.x, other.x), min(one.y, other.y)
    x1, y1 = max(one.x + one.width, other.x + other.width), max(one.y + one.height, other.y + other.height)
    a_hw, b_hw = one.labels_in(x0, y0, x1, y1), other.labels_in(x0, y0, x1, y1)
    count: list[Int] = [np.bincount(at.ravel(), minlength=len(COARSE_NAMES)) for at in (a_hw, b_hw, a_hw[a_hw == b_hw])]
    return {
        label: float(count[2][label] / (count[0][label] + count[1][label] - count[2][label]))
        for label in range(1, len(COARSE_NAMES)) if count[0][label] + count[1][label]
    }


def _points(works: Works) -> Iterator[Disagreement]:
    """Points at the same pixels, numbered as the first annotator was asked."""
    base = next(iter(works.values()), None)
    for part, points in (base.asked if base is not None and base.kind == "person" else {}).items():
        for number, point in enumerate(points):
            answers = [answer_at(one, part, point.x, point.y) for one in works.values()]
            given = [one for one in answers if one is not None and one.verdict in ("surface", "hidden")]
            size, words = max((_place_gap(a, b) for a, b in combinations(given, 2)), default=(0.0, ""))
            if size:
                yield Disagreement(item=f"point {part} {number}", size=size, what=words)


def answer_at(work: PersonWork, part: int, x: int, y: int) -> Answer | None:
    """The answer about a pixel of a part; None without one."""
    return next((one.answer for one in work.asked.get(part, ()) if (one.x, one.y) == (x, y)), None)


def _place_gap(one: Answer, other: Answer) -> tuple[float, str]:
    """How far two answers are apart, 0..1, in words; 0 where they agree."""
    if one.verdict != other.verdict:
        return OTHER_VERDICT, "one says hidden"
    if one.verdict == "hidden":
        return 0.0, ""
    ends_23 = rest_points(np.array([one.chart, other.chart]), np.array([one.u, other.u]), np.array([one.v, other.v]))
    metres = float(np.linalg.norm(ends_23[0] - ends_23[1]))
    if metres < (APART_M if one.chart == other.chart else OTHER_CHART_M):
        return 0.0, ""
    return min(1.0, metres / WORST_M), f"{100 * metres:.0f} cm apart" + ", on two charts" * (one.chart != other.chart)


def doubtful_points(work: PersonWork, image: TaskImage) -> list[Disagreement]:
    """Answers of one annotator that are far on the body from where those of their neighbours put them."""
    box = whole_box(work, image)
    points = points_of(work, box) if work.kind == "person" else None
    if points is None:
        return []
    answered = [
        f"point {part} {number}"
        for part, asked in sorted(work.asked.items())
        for number, one in enumerate(asked) if one.answer is not None and one.answer.verdict == "surface"
    ]
    far_M = suspicious_points(points, (box[0], box[1], box[2] - box[0], box[3] - box[1]))
    what = "far from where its neighbours put it"
    return [Disagreement(item=item, size=DOUBTFUL, what=what) for item, far in zip(answered, far_M, strict=True) if far]


def _joints(works: Works) -> Iterator[Disagreement]:
    for joint in range(KEYPOINTS):
        set_by = [(one.keypoints[joint], one.box_4) for one in works.values() if joint in one.keypoints]
        gaps = (_joint_gap(a, b, box_4) for (a, box_4), (b, _) in combinations(set_by, 2))
        size, words = max(gaps, default=(0.0, ""))
        if size:
            yield Disagreement(item=f"joint {joint}", size=size, what=words)


def _joint_gap(one: SetKeypoint, other: SetKeypoint, box_4: tuple[float, float, float, float]) -> tuple[float, str]:
    if (one.visibility > 0) != (other.visibility > 0):
        return OTHER_VERDICT, "one says not in the image"
    pixels = float(np.hypot(one.x - other.x, one.y - other.y))
    share = pixels / max(box_4[2] - box_4[0], box_4[3] - box_4[1])
    return (min(1.0, share / (6 * JOINT_APART)), f"{pixels:.0f} pixels apart") if share >= JOINT_APART else (0.0, "")
