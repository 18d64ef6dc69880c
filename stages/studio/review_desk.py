"""Messages of the review page: an image with what its annotators see differently, decisions, and what is sent back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.stage import StageError
from stages.studio.adjudication import annotated_sheets, decision, is_outdated, review_start, works_of
from stages.studio.desk import Desk, Message
from stages.studio.disagreements import Disagreement, Works, disagreements, doubtful_points
from stages.studio.image_results import ranked_sheets
from stages.studio.sheet_records import outline_record, part_map_record, point_record
from stages.studio.work.action_messages import action_of
from stages.studio.work.actions import Action, Decide, SendBack, SetStatus
from stages.studio.work.sheet import PersonWork, amount_of
from stages.studio.work.task_list import WorkEntry, claimed, image_state, open_notes, released, reviews_of


class ReviewDesk:
    """Answers messages of reviewers. Not for several threads at once."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def take(self, message: Message) -> tuple[str | None, dict[str, Any]]:
        """Open an image for a reviewer: the named one, or the next; its name, and what the page shows besides.

        Raises: StageError for an image that another reviewer has, or that no annotator has finished.
        """
        desk, who = self._desk, self._desk.annotator(message)
        name = self._next(message) if message.get("image") is None else desk.name(message)
        if name is None:
            return None, {}
        tasks, now = desk.journal.tasks, desk.clock()
        if tasks.image(name).gold:
            raise StageError("this image is not in the result", "image", "take another one")
        reviews = desk.tasks(message)
        history = reviews.of_image(name).get(who)
        due = history is None or is_outdated(tasks, name, history)
        start = review_start(tasks, name, history) if due else None
        desk.set_claims(message, claimed(released(reviews, who), name, who, now))
        if start is not None:
            desk.journal.add(WorkEntry(who=who, image=name, at=now, seconds=0, do=start, review=True))
        annotators = [who for who, _ in annotated_sheets(tasks, name)]
        people = desk.history(message, name).sheet.people
        found = [one for number in people for one in self._found(name, number, people[number], annotators)]
        found.sort(key=lambda one: -one["size"])
        return name, {"review": {"annotators": annotators, "items": found}}

    def images(self, message: Message) -> list[str]:
        """The state of each of this run's images, in their order. Raises: StageError."""
        return [self._state(message, name) for name in self._desk.shown]

    def sheets(self, name: str) -> list[dict[str, Any]]:
        """All work on an image, for who leads it: whose, how much, for how long it rests, whether a file has it.

        `held`: it can be handed on; `reviewer`: it is a review.
        """
        tasks, now = self._desk.journal.tasks, self._desk.clock()
        filed = {who for who, _ in ranked_sheets(tasks, name)[: tasks.copies]}
        both = [(reviews_of(tasks), True), (tasks, False)]
        return [
            {
                "who": who, "state": one.sheet.status, "work": str(amount_of(one.sheet)), "held": one.held,
                "rest_s": round(now - one.sheet.last_at), "filed": review or who in filed, "reviewer": review,
            }
            for work, review in both for who, one in work.of_image(name).items() if one.begun
        ]

    def decide(self, message: Message) -> dict[str, Any]:
        """Take an annotator's answer. Fields: `person`, `item`, `choice`. Raises: StageError."""
        name = self._desk.name(message)
        wanted = self._action(message, name, "decide", "person", "item", "choice")
        assert isinstance(wanted, Decide)
        work = self._work(message, name, wanted.person)
        works = works_of(self._desk.journal.tasks, name, work)
        return self._desk.add(message, name, decision(wanted.person, work, works, wanted))

    def send_back(self, message: Message) -> dict[str, Any]:
        """Give a person back to an annotator. Fields: `person`, `annotator`, `note`. Raises: StageError."""
        name = self._desk.name(message)
        timed = {**message, "at": round(self._desk.clock(), 3)}
        wanted = self._action(timed, name, "send_back", "person", "annotator", "note", "at")
        assert isinstance(wanted, SendBack)
        annotators = [who for who, _ in annotated_sheets(self._desk.journal.tasks, name)]
        if wanted.annotator not in annotators:
            raise StageError("has not finished this image", "annotator", f"choose one of {', '.join(annotators)}")
        self._work(message, name, wanted.person)
        return self._desk.add(message, name, wanted)

    def check_end(self, message: Message, name: str, action: Action) -> None:
        """Raises: StageError for the end of a review while an annotator works on the image, or has changed it."""
        if not isinstance(action, SetStatus) or action.status == "open":
            return
        tasks = self._desk.journal.tasks
        if action.status == "skipped":
            raise StageError("a review is not left out", "status", "take another image, or finish this one")
        if waiting := {note.annotator for _, _, note in open_notes(tasks, name)}:
            what = f"sent back to {', '.join(sorted(waiting))}, who has not finished it again"
            raise StageError(what, "image", "take another image, or undo it")
        if is_outdated(tasks, name, self._desk.history(message, name)):
            raise StageError("an annotator has changed this image", "image", "open it again from the list of images")

    def _next(self, message: Message) -> str | None:
        """A begun image first, then one that as many annotators have finished as are wanted."""
        tasks = self._desk.journal.tasks
        states = {name: self._state(message, name) for name in self._desk.shown}
        full = [name for name in states if len(annotated_sheets(tasks, name)) >= tasks.copies]
        ready = [name for state in ("begun", "open") for name in full if states[name] == state]
        return next(iter(ready), None)

    def _state(self, message: Message, name: str) -> str:
        tasks, who = self._desk.journal.tasks, self._desk.annotator(message)
        if tasks.image(name).gold or not annotated_sheets(tasks, name):
            return "waiting"
        if open_notes(tasks, name):
            return "returned"
        return image_state(self._desk.tasks(message), name, who, self._desk.clock())

    def _action(self, message: Message, name: str, tag: str, *fields: str) -> Action:
        image = self._desk.image(name)
        given = {field: message.get(field) for field in fields}
        return action_of({"do": tag, **given}, (image.height, image.width))

    def _work(self, message: Message, name: str, number: int) -> PersonWork:
        work = self._desk.person(message, name, number)
        if work is None:
            raise StageError(f"there is no person {number}", "person", "reload the page")
        return work

    def _found(self, name: str, number: int, work: PersonWork, annotators: list[str]) -> Iterator[dict[str, Any]]:
        """What annotators see differently about a person, and what looks wrong; each with all answers."""
        tasks = self._desk.journal.tasks
        works = works_of(tasks, name, work)
        if not works:
            return
        known = disagreements(works, annotators)
        items = {one.item for one in known}
        first = next(iter(works.values()))
        known += [one for one in doubtful_points(first, tasks.image(name)) if one.item not in items]
        for one in known:
            yield {
                "person": number, "item": one.item, "size": round(one.size, 3), "what": one.what,
                "answers": dict(_answers(one, works)),
            }


def _answers(found: Disagreement, works: Works) -> Iterator[tuple[str, Any]]:
    """Each annotator's answer as the page draws it."""
    kind, *numbers = found.item.split()
    at = [int(one) for one in numbers]
    first = next(iter(works.values()))
    for who, work in works.items():
        if kind in ("person", "kind", "box"):
            yield who, {"box": work.box_4, "kind": work.kind}
        elif kind == "outline" and work.outline is not None:
            yield who, {"map": outline_record(work.outline)}
        elif kind == "part" and work.parts is not None:
            yield who, {"map": part_map_record(work.parts)}
        elif kind == "point":
            wanted = first.asked[at[0]][at[1]]
            seen = [one for one in work.asked.get(at[0], ()) if (one.x, one.y) == (wanted.x, wanted.y)]
            yield from ((who, {"point": point_record(at[0], one)}) for one in seen if one.answer is not None)
        elif kind == "joint" and at[0] in work.keypoints:
            joint = work.keypoints[at[0]]
            yield who, {"joint": (joint.x, joint.y, joint.visibility)}
