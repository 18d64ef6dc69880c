"""What becomes of several annotators' work on an image: the sheet that a reviewer begins with, and their decisions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from models.body.charts import COARSE_NAMES, MIRROR_COARSE
from models.body.open_body import MIRROR_JOINT
from pipeline.stage import StageError
from stages.studio.disagreements import Works, answer_at, matched_people
from stages.studio.work.actions import (
    Action,
    Answer,
    Ask,
    Change,
    Decide,
    Paint,
    SetBox,
    SetKeypoint,
    SetKind,
    SetOutline,
    SetStatus,
    Sources,
    Start,
    SwapSides,
    Together,
)
from stages.studio.work.part_map import ERASE, PixelMask
from stages.studio.work.sheet import PersonWork, WorkSheet
from stages.studio.work.task_list import History, TaskList

NEW = ""
"""The choice of a reviewer who answers anew."""


def annotated_sheets(tasks: TaskList, image: str) -> list[tuple[str, WorkSheet]]:
    """Annotators who have finished an image, with their sheets, in the order of time."""
    found = ((who, one.sheet) for who, one in tasks.of_image(image).items())
    finished = [(who, sheet) for who, sheet in found if sheet.status == "finished"]
    return sorted(finished, key=lambda pair: (pair[1].finished_at or 0.0, pair[0]))


def works_of(tasks: TaskList, image: str, work: PersonWork) -> Works:
    """What each annotator made of a reviewed person."""
    sheets = dict(annotated_sheets(tasks, image))
    return {who: sheets[who].people[key] for who, key in work.sources if who in sheets and key in sheets[who].people}


def is_outdated(tasks: TaskList, image: str, history: History) -> bool:
    """Whether an annotator has finished an image since its review began."""
    began = history.past[0].last_at
    return any((sheet.finished_at or 0.0) > began for _, sheet in annotated_sheets(tasks, image))


def review_start(tasks: TaskList, image: str, before: History | None = None) -> Start:
    """The sheet that a reviewer begins with: of each person the work of the annotator who finished first.

    Args:
        before: the review as it was, if there was one. Of it remain the people whom no annotator has changed since, and
            those whom the reviewer added.

    Raises: StageError for an image that nobody has finished.
    """
    sheets = annotated_sheets(tasks, image)
    if not sheets:
        raise StageError("no annotator has finished this image", "image", "take another one")
    kept = {} if before is None else _unchanged(tasks, image, before)
    actions: list[Action] = [SetStatus(status="open")]
    actions += [one for number, work in kept.items() for one in work_actions(number, work)]
    known = {source for work in kept.values() for source in work.sources}
    numbers = {} if before is None else {one: k for k, work in before.sheet.people.items() for one in work.sources}
    used = set(kept) | set(numbers.values())
    for group in matched_people(sheets):
        if not known.isdisjoint(group):
            continue
        number = next((numbers[one] for one in group if one in numbers), max(used, default=0) + 1)
        numbers = {one: k for one, k in numbers.items() if k != number}
        used.add(number)
        who, key = group[0]
        actions += [*work_actions(number, dict(sheets)[who].people[key]), Sources(person=number, people=group)]
    return Start(actions=tuple(actions))


def _unchanged(tasks: TaskList, image: str, before: History) -> dict[int, PersonWork]:
    began = before.past[0].last_at
    sheets = dict(annotated_sheets(tasks, image))
    return {
        number: work for number, work in before.sheet.people.items()
        if all(_is_older(sheets, who, key, began) for who, key in work.sources)
    }


def _is_older(sheets: Mapping[str, WorkSheet], who: str, key: int, began: float) -> bool:
    """Whether an annotator still has a person, and has not changed them since."""
    return who in sheets and key in sheets[who].people and sheets[who].people[key].last_at <= began


def work_actions(number: int, work: PersonWork) -> Iterator[Change]:
    """The actions that make a person as they are."""
    origin: dict[str, Any] = {name: {"origin": "proposed"} for name in work.proposed}
    yield SetBox(person=number, box_4=work.box_4, **origin.get("box", {}))
    yield SetKind(person=number, kind=work.kind)
    for part, mask in _part_masks(work):
        yield Paint(person=number, part=part, mask=mask, **origin.get(f"part {part}", {}))
    if work.outline is not None:
        yield SetOutline(person=number, mask=work.outline, **origin.get("outline", {}))
    for part, points in work.asked.items():
        yield Ask(person=number, part=part, pixels=tuple((one.x, one.y) for one in points))
        yield from (replace(one.answer, person=number) for one in points if one.answer is not None)
    yield from (replace(one, person=number) for one in work.keypoints.values())
    if work.sources:
        yield Sources(person=number, people=work.sources)
    yield from (Decide(person=number, item=item, choice=choice) for item, choice in work.decided.items())
    yield from (replace(one, person=number) for one in work.notes)


def _part_masks(work: PersonWork) -> Iterator[tuple[int, PixelMask]]:
    if work.parts is not None:
        label_hw = work.parts.label_hw
        for part in np.unique(label_hw[label_hw > 0]).tolist():
            yield part, _tight_mask(work, part)


def _tight_mask(work: PersonWork, part: int) -> PixelMask:
    """The pixels of a part in the smallest rectangle. The person has the part."""
    assert work.parts is not None
    inside_hw = work.parts.label_hw == part
    rows, columns = np.flatnonzero(inside_hw.any(axis=1)), np.flatnonzero(inside_hw.any(axis=0))
    tight_hw = inside_hw[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return PixelMask.of_array(tight_hw, work.parts.x + int(columns[0]), work.parts.y + int(rows[0]))


def decision(number: int, mine: PersonWork, works: Works, decide: Decide) -> Action:
    """The action by which an annotator's answer becomes the reviewer's.

    Args:
        number: of the person on the reviewer's sheet.
        mine: the reviewer's work on them.
        works: the annotators' work.

    Raises: StageError for an annotator without such an answer.
    """
    theirs = works.get(decide.choice)
    changes = None if theirs is None else _taken(number, mine, theirs, decide.item)
    if changes is None:
        what = f"{decide.choice or 'nobody'} has no answer about this"
        raise StageError(what, "choice", "take the answer of another annotator, or give a new one")
    return Together(actions=(*changes, decide))


def _taken(number: int, mine: PersonWork, theirs: PersonWork, item: str) -> Sequence[Change] | None:
    kind, *numbers = item.split()
    at = [int(one) for one in numbers]
    if kind == "person":
        return [*_cleared(number, mine), *(one for one in work_actions(number, theirs) if not isinstance(one, Sources))]
    if kind == "kind":
        return [SetKind(person=number, kind=theirs.kind)]
    if kind == "box":
        return [SetBox(person=number, box_4=theirs.box_4)]
    if kind == "outline":
        return None if theirs.outline is None else [SetOutline(person=number, mask=theirs.outline)]
    if kind == "part":
        return _part_taken(number, mine, theirs, at[0])
    if kind == "point":
        return _point_taken(number, mine, theirs, *at)
    joint = theirs.keypoints.get(at[0])
    return None if joint is None else [replace(joint, person=number)]


def _cleared(number: int, mine: PersonWork) -> Iterator[Change]:
    """Parts are erased, and points and keypoints have no answer."""
    for _, mask in _part_masks(mine):
        yield Paint(person=number, part=ERASE, mask=mask)
    for part, points in mine.asked.items():
        yield from (
            Answer(person=number, part=part, number=at, verdict="skipped") for at, _ in enumerate(points)
        )
    for joint in mine.keypoints:
        yield SetKeypoint(person=number, joint=joint, x=0, y=0, visibility=0)


def _part_taken(number: int, mine: PersonWork, theirs: PersonWork, part: int) -> Sequence[Change] | None:
    own, other = dict(_part_masks(mine)).get(part), dict(_part_masks(theirs)).get(part)
    if not 1 <= part < len(COARSE_NAMES) or theirs.parts is None:
        return None
    erased = [] if own is None else [Paint(person=number, part=ERASE, mask=own)]
    return erased if other is None else [*erased, Paint(person=number, part=part, mask=other)]


def _point_taken(number: int, mine: PersonWork, theirs: PersonWork, part: int, point: int) -> Sequence[Change] | None:
    points = mine.asked.get(part, ())
    if point >= len(points):
        return None
    answer = answer_at(theirs, part, points[point].x, points[point].y)
    return None if answer is None else [replace(answer, person=number, number=point)]


def corrected_items(action: Action, work: PersonWork) -> tuple[str, ...]:
    """What an action of a reviewer on a person decides anew; nothing where it decides nothing alone."""
    if isinstance(action, Answer):
        return () if action.verdict == "open" else (f"point {action.part} {action.number}",)
    if isinstance(action, Paint):
        return (f"part {action.part}",) if action.part != ERASE else ()
    if isinstance(action, SetKeypoint):
        return (f"joint {action.joint}",)
    if isinstance(action, SwapSides):
        return tuple(_swapped_items(work, action.part))
    named = {SetBox: "box", SetKind: "kind", SetOutline: "outline"}
    return (named[type(action)],) if type(action) in named else ()


def _swapped_items(work: PersonWork, swapped: int) -> Iterator[str]:
    """What the person has on either side of the exchanged parts, under the names of both sides."""
    painted = {part for part, _ in _part_masks(work)}
    for part, other in enumerate(MIRROR_COARSE.tolist()):
        if part == other or swapped not in (ERASE, part, other):
            continue
        if painted & {part, other}:
            yield f"part {part}"
        points = max((work.asked.get(side, ()) for side in (part, other)), key=len)
        yield from (f"point {part} {at}" for at, one in enumerate(points) if one.answer is not None)
    if swapped == ERASE:
        twins = ((at, other) for at, other in enumerate(MIRROR_JOINT) if at != other)
        yield from (f"joint {at}" for at, other in twins if at in work.keypoints or other in work.keypoints)


def with_decisions(action: Action, sheet: WorkSheet) -> Action:
    """A reviewer's action, with what it decides anew about the people of their sheet."""
    changes = action.actions if isinstance(action, Together) else (action,)
    if any(isinstance(one, SetStatus | Together | Decide) for one in changes):
        return action
    decided = [
        Decide(person=one.person, item=item, choice=NEW)
        for one in changes
        if not isinstance(one, SetStatus | Together) and one.person in sheet.people
        for item in corrected_items(one, sheet.people[one.person])
    ]
    return Together(actions=(*changes, *decided)) if decided else action
