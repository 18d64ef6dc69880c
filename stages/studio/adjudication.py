"""Adjudication: the sheet with which a reviewer of an image begins, and the reviewer's decisions."""

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
    ChangeGroup,
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
)
from stages.studio.work.part_map import ERASE, PixelMask
from stages.studio.work.sheet import PersonWork, WorkSheet
from stages.studio.work.task_list import TaskList
from stages.studio.work.undo_history import History

NEW_ANSWER = ""
"""The choice of a reviewer who gives an answer of their own."""


def annotated_sheets(tasks: TaskList, image: str) -> list[tuple[str, WorkSheet]]:
    """Annotators who have finished an image, with their sheets; the first to finish is first."""
    found = ((annotator, history.sheet) for annotator, history in tasks.of_image(image).items())
    finished = [(annotator, sheet) for annotator, sheet in found if sheet.status == "finished"]
    return sorted(finished, key=lambda pair: (pair[1].finished_at or 0.0, pair[0]))


def works_of(tasks: TaskList, image: str, work: PersonWork) -> Works:
    """The work of each annotator on a reviewed person."""
    people = {annotator: sheet.people for annotator, sheet in annotated_sheets(tasks, image)}
    return {
        annotator: people[annotator][number]
        for annotator, number in work.sources if number in people.get(annotator, ())
    }


def is_outdated(tasks: TaskList, image: str, history: History) -> bool:
    """Whether an annotator has finished an image after its review began."""
    began = history.past[0].last_at
    return any((sheet.finished_at or 0.0) > began for _, sheet in annotated_sheets(tasks, image))


def review_start(tasks: TaskList, image: str, before: History | None = None) -> Start:
    """The sheet with which a reviewer begins: each person as annotated by the first annotator to finish.

    Args:
        before: an earlier review of the image. It keeps the people that no annotator has changed since, those that the
            reviewer removed as `not_person`, and the people that the reviewer added.

    Raises: StageError for an image that no annotator has finished.
    """
    sheets = annotated_sheets(tasks, image)
    if not sheets:
        raise StageError("no annotator has finished this image", "image", "choose another image")
    kept = {} if before is None else _unchanged(tasks, image, before)
    actions: list[Action] = [SetStatus(status="open")]
    actions += [action for number, work in kept.items() for action in work_actions(number, work)]
    known = {source for work in kept.values() for source in work.sources}
    people_before = {} if before is None else before.sheet.people
    numbers = {source: number for number, work in people_before.items() for source in work.sources}
    used = set(kept) | set(numbers.values())
    for group in matched_people(sheets):
        if not known.isdisjoint(group):
            continue
        number = next((numbers[source] for source in group if source in numbers), max(used, default=0) + 1)
        numbers = {source: k for source, k in numbers.items() if k != number}
        used.add(number)
        annotator, key = group[0]
        actions += [*work_actions(number, dict(sheets)[annotator].people[key]), Sources(person=number, people=group)]
    return Start(actions=tuple(actions))


def _unchanged(tasks: TaskList, image: str, before: History) -> dict[int, PersonWork]:
    first, people = before.past[0], before.sheet.people
    began, sheets = first.last_at, dict(annotated_sheets(tasks, image))
    missing = first.people.keys() - people.keys()
    removed = {number: replace(first.people[number], kind="not_person") for number in sorted(missing)}
    return {
        number: work for number, work in {**people, **removed}.items()
        if all(_is_older(sheets, annotator, key, began) for annotator, key in work.sources)
    }


def _is_older(sheets: Mapping[str, WorkSheet], annotator: str, key: int, began: float) -> bool:
    """Whether an annotator's sheet has a person, without a change after the time `began`."""
    return annotator in sheets and key in sheets[annotator].people and sheets[annotator].people[key].last_at <= began


def work_actions(number: int, work: PersonWork) -> Iterator[Change]:
    """The actions that make this work on a person again."""
    origin: dict[str, Any] = {name: {"origin": "proposed"} for name in work.proposed}
    yield SetBox(person=number, box_4=work.box_4, **origin.get("box", {}))
    yield SetKind(person=number, kind=work.kind)
    for part, mask in _part_masks(work):
        yield Paint(person=number, part=part, mask=mask, **origin.get(f"part {part}", {}))
    if work.outline is not None:
        yield SetOutline(person=number, mask=work.outline, **origin.get("outline", {}))
    for part, points in work.asked.items():
        yield Ask(person=number, part=part, pixels=tuple((point.x, point.y) for point in points))
        yield from (replace(point.answer, person=number) for point in points if point.answer is not None)
    yield from (replace(keypoint, person=number) for keypoint in work.keypoints.values())
    if work.sources:
        yield Sources(person=number, people=work.sources)
    yield from (Decide(person=number, item=item, choice=choice) for item, choice in work.decided.items())
    yield from (replace(note, person=number) for note in work.notes)


def _part_masks(work: PersonWork) -> Iterator[tuple[int, PixelMask]]:
    if work.parts is not None:
        label_hw = work.parts.label_hw
        for part in np.unique(label_hw[label_hw > 0]).tolist():
            yield part, _tight_mask(work, part)


def _tight_mask(work: PersonWork, part: int) -> PixelMask:
    """The pixels of a part in the smallest rectangle. The part must be painted."""
    assert work.parts is not None
    inside_hw = work.parts.label_hw == part
    rows, columns = np.flatnonzero(inside_hw.any(axis=1)), np.flatnonzero(inside_hw.any(axis=0))
    tight_hw = inside_hw[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return PixelMask.of_array(tight_hw, work.parts.x + int(columns[0]), work.parts.y + int(rows[0]))


def decision(number: int, reviewed: PersonWork, works: Works, decide: Decide) -> Action:
    """The action that copies an annotator's answer to the reviewer's sheet.

    Args:
        number: of the person on the reviewer's sheet.
        reviewed: the reviewer's work on the person.
        works: the annotators' work on the person.
        decide: names the item and the annotator.

    Raises: StageError for an annotator without such an answer.
    """
    annotated = works.get(decide.choice)
    changes = None if annotated is None else _copied(number, reviewed, annotated, decide.item)
    if changes is None:
        what = f"{decide.choice or 'nobody'} has no answer to this"
        raise StageError(what, "choice", "choose another annotator, or give your own answer")
    return ChangeGroup(actions=(*changes, decide))


def _copied(number: int, reviewed: PersonWork, annotated: PersonWork, item: str) -> Sequence[Change] | None:
    """The changes that copy an item of an annotator; None where the annotator does not have it."""
    kind, *numbers = item.split()
    index = [int(digits) for digits in numbers]
    if kind == "person":
        actions = work_actions(number, annotated)
        return [*_cleared(number, reviewed), *(action for action in actions if not isinstance(action, Sources))]
    if kind == "kind":
        return [SetKind(person=number, kind=annotated.kind)]
    if kind == "box":
        return [SetBox(person=number, box_4=annotated.box_4)]
    if kind == "outline":
        return None if annotated.outline is None else [SetOutline(person=number, mask=annotated.outline)]
    if kind == "part":
        return _copied_part(number, reviewed, annotated, index[0])
    if kind == "point":
        return _copied_point(number, reviewed, annotated, *index)
    joint = annotated.keypoints.get(index[0])
    return None if joint is None else [replace(joint, person=number)]


def _cleared(number: int, reviewed: PersonWork) -> Iterator[Change]:
    """The changes that erase all parts, and remove the answers to points and keypoints."""
    for _, mask in _part_masks(reviewed):
        yield Paint(person=number, part=ERASE, mask=mask)
    for part, points in reviewed.asked.items():
        yield from (
            Answer(person=number, part=part, number=index, verdict="skipped") for index, _ in enumerate(points)
        )
    for joint in reviewed.keypoints:
        yield SetKeypoint(person=number, joint=joint, x=0, y=0, visibility=0)


def _copied_part(number: int, reviewed: PersonWork, annotated: PersonWork, part: int) -> Sequence[Change] | None:
    before, after = dict(_part_masks(reviewed)).get(part), dict(_part_masks(annotated)).get(part)
    if not 1 <= part < len(COARSE_NAMES) or annotated.parts is None:
        return None
    erased = [] if before is None else [Paint(person=number, part=ERASE, mask=before)]
    return erased if after is None else [*erased, Paint(person=number, part=part, mask=after)]


def _copied_point(
    number: int, reviewed: PersonWork, annotated: PersonWork, part: int, point: int
) -> Sequence[Change] | None:
    points = reviewed.asked.get(part, ())
    if point >= len(points):
        return None
    answer = answer_at(annotated, part, points[point].x, points[point].y)
    return None if answer is None else [replace(answer, person=number, number=point)]


def corrected_items(action: Action, work: PersonWork) -> tuple[str, ...]:
    """The items (as in `Decide`) that a reviewer's action on a person corrects; none for actions without an item."""
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
    """The items on both sides of the exchanged parts that the person has on at least one side."""
    painted = {part for part, _ in _part_masks(work)}
    for part, other in enumerate(MIRROR_COARSE.tolist()):
        if part == other or swapped not in (ERASE, part, other):
            continue
        if painted & {part, other}:
            yield f"part {part}"
        points = max((work.asked.get(side, ()) for side in (part, other)), key=len)
        yield from (f"point {part} {index}" for index, answered in enumerate(points) if answered.answer is not None)
    if swapped == ERASE:
        twins = ((joint, other) for joint, other in enumerate(MIRROR_JOINT) if joint != other)
        yield from (f"joint {joint}" for joint, other in twins if joint in work.keypoints or other in work.keypoints)


def with_decisions(action: Action, sheet: WorkSheet) -> Action:
    """A reviewer's action, followed by the decisions that it implies for people of the reviewer's sheet."""
    changes = action.actions if isinstance(action, ChangeGroup) else (action,)
    if any(isinstance(change, SetStatus | ChangeGroup | Decide) for change in changes):
        return action
    decided = [
        Decide(person=change.person, item=item, choice=NEW_ANSWER)
        for change in changes
        if not isinstance(change, SetStatus | ChangeGroup) and change.person in sheet.people
        for item in corrected_items(change, sheet.people[change.person])
    ]
    return ChangeGroup(actions=(*changes, *decided)) if decided else action
