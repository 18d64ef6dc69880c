"""Random work of annotators and of a reviewer: valid actions on small images, with undo and redo."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.body.charts import COARSE_OF_CHART
from pipeline.stage import StageError
from stages.annotations.densepose_coco import person_record
from stages.studio.adjudication import annotated_sheets, decision, review_start, with_decisions, works_of
from stages.studio.disagreements import disagreements
from stages.studio.people_file import people_file
from stages.studio.work.actions import (
    Action,
    Answer,
    Ask,
    Change,
    ChangeGroup,
    Decide,
    Paint,
    Remove,
    SendBack,
    SetBox,
    SetKeypoint,
    SetKind,
    SetOutline,
    SetStatus,
    Start,
    SwapSides,
)
from stages.studio.work.part_map import PixelMask
from stages.studio.work.sheet import WorkSheet
from stages.studio.work.task_list import TaskImage, TaskList, after_entry, reviews_of
from stages.studio.work.undo_history import WorkEntry

IMAGES = (TaskImage(name="a.png", height=40, width=60), TaskImage(name="b.png", height=64, width=48))
NAMES = ("ann", "bob")
REVIEWER = "lea"
Rng = np.random.Generator


def random_mask(rng: Rng, image: TaskImage) -> PixelMask:
    """A mask with at least one pixel inside of the image."""
    x, y = int(rng.integers(image.width - 4)), int(rng.integers(image.height - 4))
    high, wide = int(rng.integers(2, image.height - y)), int(rng.integers(2, image.width - x))
    inside_hw = rng.random((high, wide)) < 0.7
    inside_hw[0, 0] = True
    return PixelMask.of_array(inside_hw, x, y)


def random_action(rng: Rng, image: TaskImage, sheet: WorkSheet) -> Action:
    """An action that fits the sheet."""
    person = int(rng.integers(1, 4))
    while person in sheet.removed:
        person += 3
    if person in sheet.people and rng.random() < 0.03:
        return Remove(person=person)
    if person in sheet.people and rng.random() < 0.05:
        return SwapSides(person=person, part=int(rng.choice([0, 2, 6, 9])))
    if person not in sheet.people or rng.random() < 0.1:
        x0, y0 = rng.uniform(0, 20, 2)
        box_4 = (float(x0), float(y0), float(rng.uniform(x0 + 2, image.width)), float(rng.uniform(y0 + 2, 40)))
        return SetBox(person=person, box_4=box_4, origin=str(rng.choice(["drawn", "proposed"])))  # type: ignore[arg-type]
    work = sheet.people[person]
    if work.asked and rng.random() < 0.4:
        part = int(rng.choice(sorted(work.asked)))
        number = int(rng.integers(len(work.asked[part])))
        verdict = str(rng.choice(["surface", "surface", "hidden", "skipped", "open"]))
        if verdict != "surface":
            return Answer(person=person, part=part, number=number, verdict=verdict)  # type: ignore[arg-type]
        chart = int(rng.choice(np.flatnonzero(part == COARSE_OF_CHART)))
        u, v = (float(share) for share in rng.random(2))
        hint = bool(rng.random() < 0.1)
        return Answer(
            person=person, part=part, number=number, verdict="surface", chart=chart, u=u, v=v, view=2, hint=hint
        )
    if rng.random() < 0.15:
        return ChangeGroup(actions=tuple(random_change(rng, image, person) for _ in range(int(rng.integers(1, 5)))))
    return random_change(rng, image, person) if rng.random() < 0.8 else random_status(rng)


def random_status(rng: Rng) -> SetStatus:
    """The image is finished, left out, or opened again."""
    return SetStatus(status=str(rng.choice(["open", "finished", "skipped"], p=[0.45, 0.5, 0.05])))  # type: ignore[arg-type]


def random_change(rng: Rng, image: TaskImage, person: int) -> Change:
    """An action on a person that needs no other action before."""
    part = int(rng.integers(1, 15))
    match int(rng.integers(5)):
        case 0:
            return SetKind(person=person, kind=str(rng.choice(["person", "person", "crowd", "not_person", "skipped"])))  # type: ignore[arg-type]
        case 1:
            return Paint(person=person, part=int(rng.integers(15)), mask=random_mask(rng, image))
        case 2:
            return SetOutline(person=person, mask=random_mask(rng, image))
        case 3:
            pixels = tuple((int(rng.integers(image.width)), int(rng.integers(image.height))) for _ in range(3))
            return Ask(person=person, part=part, pixels=pixels)
        case _:
            joint, visibility = int(rng.integers(17)), int(rng.integers(3))
            x, y = float(rng.uniform(0, image.width)), float(rng.uniform(0, image.height))
            return SetKeypoint(person=person, joint=joint, x=x, y=y, visibility=visibility)


def review_action(rng: Rng, image: TaskImage, tasks: TaskList, at: float) -> Action | Start | None:
    """What a reviewer does: begins, decides, gives back, corrects, or finishes; None if there is nothing."""
    history = reviews_of(tasks).of_image(image.name).get(REVIEWER)
    names = [who for who, _ in annotated_sheets(tasks, image.name)]
    if not names:
        return None
    if history is None or rng.random() < 0.05:
        return review_start(tasks, image.name, history)
    if not history.sheet.people or rng.random() < 0.15:
        return SetStatus(status=str(rng.choice(["open", "finished", "finished"])))  # type: ignore[arg-type]
    number = int(rng.choice(sorted(history.sheet.people)))
    work = history.sheet.people[number]
    works = works_of(tasks, image.name, work)
    if works and rng.random() < 0.15:
        return SendBack(person=number, annotator=str(rng.choice(names)), note="once more", at=at)
    items = [one.item for one in disagreements(works, names)]
    if works and items and rng.random() < 0.7:
        wanted = Decide(person=number, item=str(rng.choice(items)), choice=str(rng.choice(list(works))))
        try:
            return decision(number, work, works, wanted)
        except StageError:
            return None
    return with_decisions(random_action(rng, image, history.sheet), history.sheet)


def random_entries(
    rng: Rng, count: int, undo_share: float, review_share: float = 0.0
) -> tuple[list[WorkEntry], list[WorkEntry]]:
    """Everything that annotators, and a reviewer, did, and the entries of the actions that remain."""
    tasks = TaskList(images=IMAGES)
    did: list[WorkEntry] = []
    remain: dict[tuple[str, str], list[WorkEntry]] = {}
    undone: dict[tuple[str, str], list[WorkEntry]] = {}
    firm: dict[tuple[str, str], int] = {}
    for number in range(count):
        image, who = IMAGES[int(rng.integers(2))], NAMES[int(rng.integers(2))]
        review = bool(review_share and rng.random() < review_share)
        who = REVIEWER if review else who
        key, at, seconds = (image.name, who), 1000.0 + number, float(rng.integers(1, 9))
        kept, taken = remain.setdefault(key, []), undone.setdefault(key, [])
        common: dict[str, Any] = {"annotator": who, "image": image.name, "at": at, "seconds": seconds, "review": review}
        draw = rng.random()
        if draw < undo_share:
            did.append(WorkEntry(**common, action="undo"))
            if len(kept) > firm.get(key, 0):
                taken.append(kept.pop())
        elif draw < 1.5 * undo_share:
            did.append(WorkEntry(**common, action="redo"))
            if taken:
                kept.append(taken.pop())
        else:
            action: Action | Start | None
            if review:
                action = review_action(rng, image, tasks, at)
            else:
                action = random_action(rng, image, tasks.sheet(image.name, who))
            if action is None:
                continue
            did.append(WorkEntry(**common, action=action))
            kept.append(did[-1])
            taken.clear()
            if isinstance(action, Start):
                firm[key] = len(kept)
        tasks = after_entry(tasks, did[-1])
    return did, [entry for entries in remain.values() for entry in entries]


def folded(entries: list[WorkEntry]) -> TaskList:
    """The task list after entries, without a journal."""
    tasks = TaskList(images=IMAGES)
    for entry in entries:
        tasks = after_entry(tasks, entry)
    return tasks


def records(tasks: TaskList) -> list[dict[str, Any]]:
    """The file's annotations."""
    return [person_record(person) for person in people_file(tasks).people]
