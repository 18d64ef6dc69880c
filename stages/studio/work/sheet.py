"""Sheets: an annotator's work on an image, as frozen data, and the function that applies an action to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from models.body.charts import COARSE_NAMES, COARSE_OF_CHART, MIRROR_CHART, MIRROR_COARSE, mirror_uv
from models.body.open_body import MIRROR_JOINT
from pipeline.stage import StageError
from stages.studio.work.actions import (
    Action,
    Answer,
    Ask,
    ChangeGroup,
    Decide,
    ImageStatus,
    Paint,
    PersonKind,
    Remove,
    SendBack,
    SetBox,
    SetKeypoint,
    SetKind,
    SetOutline,
    SetStatus,
    Sources,
    SwapSides,
)
from stages.studio.work.part_map import ERASE, PartMap, PixelMask, labels_under, packed_map, painted, painted_parts


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedPoint:
    """A pixel for whose surface point the annotator is asked, and the answer; None before it."""

    x: int
    y: int
    answer: Answer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonWork:
    """One person of a sheet.

    Attributes:
        box_4: x0, y0, x1, y1 in pixels.
        parts: the painted parts; None before the first stroke.
        outline: the visible outline; None where it is not drawn.
        asked: the asked points of each part.
        keypoints: by COCO's number of the joint.
        proposed: names of what the network proposed and nobody changed: `box`, `outline`, `part 3`, `joint 5` …
        seconds: active time of all actions on the person that are not undone.
        last_at: time of the last of these actions, seconds since 1970.
        sources: of a reviewed person: annotators with their numbers of the person; the review began with the first.
        decided: of a reviewed person: the annotator whose answer the reviewer chose, by item; "": the reviewer's own.
        notes: with which a reviewer sent the person back.
    """

    box_4: tuple[float, float, float, float]
    kind: PersonKind = "person"
    parts: PartMap | None = None
    outline: PixelMask | None = None
    asked: Mapping[int, tuple[AskedPoint, ...]] = field(default_factory=dict)
    keypoints: Mapping[int, SetKeypoint] = field(default_factory=dict)
    proposed: frozenset[str] = frozenset()
    seconds: float = 0.0
    last_at: float = 0.0
    sources: tuple[tuple[str, int], ...] = ()
    decided: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[SendBack, ...] = ()

    @property
    def hints(self) -> bool:
        """Whether the network's guess was shown for any answer."""
        return any(point.answer is not None and point.answer.hint for points in self.asked.values() for point in points)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkSheet:
    """One annotator's work on one image.

    Attributes:
        people: by their numbers, from 1.
        removed: numbers of removed people.
        last_at: time of the last action that is not undone, seconds since 1970.
        finished_at: time at which the image was finished or left out; None while it is open.
    """

    people: Mapping[int, PersonWork] = field(default_factory=dict)
    removed: frozenset[int] = frozenset()
    status: ImageStatus = "open"
    last_at: float = 0.0
    finished_at: float | None = None


@dataclass(frozen=True, slots=True)
class WorkAmount:
    """The amount of work on a sheet: numbers of people, of painted parts and outlines, of answers, and of keypoints."""

    people: int
    masks: int
    answers: int
    keypoints: int

    def is_less(self, other: WorkAmount) -> bool:
        """Whether no number is larger than that of the other, and at least one is smaller."""
        pairs = [(getattr(self, spec.name), getattr(other, spec.name)) for spec in fields(self)]
        return self != other and all(first <= second for first, second in pairs)

    def __str__(self) -> str:
        return f"{self.people} people, {self.masks} parts, {self.answers} points, {self.keypoints} keypoints"


def amount_of(sheet: WorkSheet) -> WorkAmount:
    """The amount of work that a sheet adds to the result; 0 for an image that is left out."""
    if sheet.status == "skipped":
        return WorkAmount(0, 0, 0, 0)
    people = [work for work in sheet.people.values() if work.kind != "not_person"]
    points = [point.answer for work in people for asked in work.asked.values() for point in asked]
    parts = sum(len(painted_parts(work.parts)) for work in people)
    outlines = sum(work.outline is not None for work in people)
    return WorkAmount(
        len(people), parts + outlines, sum(answer is not None for answer in points),
        sum(len(work.keypoints) for work in people),
    )


def after_action(sheet: WorkSheet, action: Action, at: float, seconds: float) -> WorkSheet:
    """The sheet after an action. An action on a person of a left-out image opens the image again.

    Args:
        sheet: before the action.
        action: of the annotator.
        at: time of the action, seconds since 1970.
        seconds: active time of the action.

    Raises: StageError for a person or a point that the sheet does not have, and for a chart of another part.
    """
    if isinstance(action, ChangeGroup):
        for change in action.actions:
            sheet = after_action(sheet, change, at, seconds / len(action.actions))
        return sheet
    if isinstance(action, SetStatus):
        finished_at = None if action.status == "open" else at
        return replace(sheet, status=action.status, last_at=at, finished_at=finished_at)
    if sheet.status == "skipped":  # whoever works on a left-out image wants it in the result
        sheet = replace(sheet, status="open", finished_at=None)
    if isinstance(action, Remove) and action.person in sheet.people:
        people = {number: work for number, work in sheet.people.items() if number != action.person}
        return replace(sheet, people=people, removed=sheet.removed | {action.person}, last_at=at)
    if action.person in sheet.removed:
        raise StageError(f"person {action.person} was removed", "person", "undo it, or draw a new box")
    if isinstance(action, SetBox) and action.person not in sheet.people:
        before = PersonWork(box_4=action.box_4)
    elif action.person in sheet.people:
        before = sheet.people[action.person]
    else:
        raise StageError(f"there is no person {action.person} in this image", "person", "draw the person's box first")
    changed = CHANGES[type(action)](before, action)
    changed = replace(changed, seconds=before.seconds + seconds, last_at=at)
    return replace(sheet, people={**sheet.people, action.person: changed}, last_at=at)


def _boxed(work: PersonWork, action: SetBox) -> PersonWork:
    return replace(work, box_4=action.box_4, proposed=_proposed_after(work, "box", action.origin))


def _kind_set(work: PersonWork, action: SetKind) -> PersonWork:
    return replace(work, kind=action.kind)


def _painted(work: PersonWork, action: Paint) -> PersonWork:
    parts = painted(work.parts, action.mask, action.part)
    proposed = work.proposed if action.part == ERASE else _proposed_after(work, f"part {action.part}", action.origin)
    changed = {f"part {part}" for part in labels_under(work.parts, action.mask) - {action.part}}
    return replace(work, parts=parts, proposed=proposed - changed)


def _outlined(work: PersonWork, action: SetOutline) -> PersonWork:
    return replace(work, outline=action.mask, proposed=_proposed_after(work, "outline", action.origin))


def _asked(work: PersonWork, action: Ask) -> PersonWork:
    if action.part == ERASE:
        raise StageError("points are on parts, not on the background", "part", "reload the page")
    points = tuple(AskedPoint(x=x, y=y) for x, y in action.pixels)
    return replace(work, asked={**work.asked, action.part: points})


def _answered(work: PersonWork, action: Answer) -> PersonWork:
    points = work.asked.get(action.part, ())
    if action.number >= len(points):
        raise StageError(f"point {action.number} of this part was not asked", "number", "reload the page")
    on_part = action.chart > 0 and COARSE_OF_CHART[action.chart] == action.part
    if action.verdict == "surface" and not on_part:
        what = f"chart {action.chart} is not of the part {COARSE_NAMES[action.part]}"
        raise StageError(what, "chart", "reload the page")
    answer = None if action.verdict == "open" else action
    changed = replace(points[action.number], answer=answer)
    points = (*points[: action.number], changed, *points[action.number + 1 :])
    return replace(work, asked={**work.asked, action.part: points})


def _keypoint_set(work: PersonWork, action: SetKeypoint) -> PersonWork:
    proposed = _proposed_after(work, f"joint {action.joint}", action.origin)
    return replace(work, keypoints={**work.keypoints, action.joint: action}, proposed=proposed)


def _sides_swapped(work: PersonWork, action: SwapSides) -> PersonWork:
    """Exchange parts, points and, for the whole person, keypoints of both sides. Two exchanges cancel each other."""
    twin = {part: int(MIRROR_COARSE[part]) for part in range(len(COARSE_NAMES))}
    if action.part != ERASE:
        if twin[action.part] == action.part:
            raise StageError(f"the part {COARSE_NAMES[action.part]} has no other side", "part", "choose another part")
        twin = {part: other if action.part in (part, other) else part for part, other in twin.items()}
    joints = dict(enumerate(MIRROR_JOINT)) if action.part == ERASE else {}
    names = {f"part {part}": f"part {other}" for part, other in twin.items()}
    names |= {f"joint {joint}": f"joint {other}" for joint, other in joints.items()}
    parts = work.parts
    if parts is not None:
        label_hw = np.array([twin[part] for part in range(len(COARSE_NAMES))], np.uint8)[parts.label_hw]
        parts = packed_map(label_hw, parts.x, parts.y)
    keypoints = {
        joints.get(joint, joint): replace(keypoint, joint=joints.get(joint, joint))
        for joint, keypoint in work.keypoints.items()
    }
    asked = {
        twin[part]: points if twin[part] == part else tuple(_mirrored_point(point) for point in points)
        for part, points in work.asked.items()
    }
    proposed = frozenset(names.get(name, name) for name in work.proposed)
    return replace(work, parts=parts, asked=asked, keypoints=keypoints, proposed=proposed)


def _mirrored_point(point: AskedPoint) -> AskedPoint:
    """The point with its answer mirrored to the other side of the body."""
    answer = point.answer
    if answer is None:
        return point
    part = int(MIRROR_COARSE[answer.part])
    if answer.verdict != "surface":
        return replace(point, answer=replace(answer, part=part))
    label = np.array(answer.chart, np.uint8)
    u, v = mirror_uv(label, np.array(answer.u), np.array(answer.v))
    changed = replace(answer, part=part, chart=int(MIRROR_CHART[answer.chart]), u=float(u), v=float(v))
    return replace(point, answer=changed)


def _sourced(work: PersonWork, action: Sources) -> PersonWork:
    return replace(work, sources=action.people)


def _decided(work: PersonWork, action: Decide) -> PersonWork:
    return replace(work, decided={**work.decided, action.item: action.choice})


def _sent_back(work: PersonWork, action: SendBack) -> PersonWork:
    return replace(work, notes=(*work.notes, action))


def _proposed_after(work: PersonWork, name: str, origin: str) -> frozenset[str]:
    """`PersonWork.proposed` after a change of what `name` means: with it if the change accepts a proposal."""
    return work.proposed | {name} if origin == "proposed" else work.proposed - {name}


CHANGES: dict[type[Action], Callable[[PersonWork, Any], PersonWork]] = {
    SetBox: _boxed,
    SetKind: _kind_set,
    Paint: _painted,
    SetOutline: _outlined,
    Ask: _asked,
    Answer: _answered,
    SetKeypoint: _keypoint_set,
    SwapSides: _sides_swapped,
    Sources: _sourced,
    Decide: _decided,
    SendBack: _sent_back,
}
