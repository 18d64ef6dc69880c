"""Messages of the review page: images with their disagreements, decisions, and people sent back to annotators."""

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
from stages.studio.work.task_list import claimed, image_state, open_notes, released, reviews_of
from stages.studio.work.undo_history import WorkEntry


class ReviewDesk:
    """Answers messages of reviewers. Used by one thread at a time."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def open_image(self, message: Message) -> tuple[str | None, dict[str, Any]]:
        """Open the named image, or the next one, for a reviewer; returns its name, and further JSON for the page.

        Raises: StageError for an image that another reviewer has, or that no annotator has finished.
        """
        desk, annotator = self._desk, self._desk.annotator(message)
        name = self._next(message) if message.get("image") is None else desk.name(message)
        if name is None:
            return None, {}
        tasks, now = desk.journal.tasks, desk.clock()
        if tasks.image(name).gold:
            raise StageError("this image is not in the result", "image", "choose another image")
        reviews = desk.tasks(message)
        history = reviews.of_image(name).get(annotator)
        due = history is None or is_outdated(tasks, name, history)
        start = review_start(tasks, name, history) if due else None
        desk.set_claims(message, claimed(released(reviews, annotator), name, annotator, now))
        if start is not None:
            desk.journal.add(WorkEntry(annotator=annotator, image=name, at=now, seconds=0, action=start, review=True))
        annotators = [annotator for annotator, _ in annotated_sheets(tasks, name)]
        people = desk.history(message, name).sheet.people
        found = [item for number in people for item in self._items(name, number, people[number], annotators)]
        found.sort(key=lambda item: -item["size"])
        return name, {"review": {"annotators": annotators, "items": found}}

    def images(self, message: Message) -> list[str]:
        """The state of each of this run's images, in their order. Raises: StageError."""
        return [self._state(message, name) for name in self._desk.page_names]

    def sheets(self, name: str) -> list[dict[str, Any]]:
        """JSON of all sheets of an image, for the person who leads the work.

        `who`: the annotator; `state`; `work`: how much; `held`: whether it can be handed on; `rest_s`: seconds since
        the last action; `filed`: whether a result file has it; `reviewer`: whether it is a review.
        """
        tasks, now = self._desk.journal.tasks, self._desk.clock()
        filed = {annotator for annotator, _ in ranked_sheets(tasks, name)[: tasks.copies]}
        both = [(reviews_of(tasks), True), (tasks, False)]
        return [
            {
                "who": annotator, "state": history.sheet.status, "work": str(amount_of(history.sheet)),
                "held": history.held, "rest_s": round(now - history.sheet.last_at),
                "filed": review or annotator in filed, "reviewer": review,
            }
            for work, review in both for annotator, history in work.of_image(name).items() if history.begun
        ]

    def decide(self, message: Message) -> dict[str, Any]:
        """Copy an annotator's answer to the review. Fields: `person`, `item`, `choice`. Raises: StageError."""
        name = self._desk.name(message)
        wanted = self._action(message, name, "decide", "person", "item", "choice")
        assert isinstance(wanted, Decide)
        work = self._work(message, name, wanted.person)
        works = works_of(self._desk.journal.tasks, name, work)
        return self._desk.add(message, name, decision(wanted.person, work, works, wanted))

    def send_back(self, message: Message) -> dict[str, Any]:
        """Send a person back to an annotator. Fields: `person`, `annotator`, `note`. Raises: StageError."""
        name = self._desk.name(message)
        timed = {**message, "at": round(self._desk.clock(), 3)}
        wanted = self._action(timed, name, "send_back", "person", "annotator", "note", "at")
        assert isinstance(wanted, SendBack)
        annotators = [annotator for annotator, _ in annotated_sheets(self._desk.journal.tasks, name)]
        if wanted.annotator not in annotators:
            raise StageError("has not finished this image", "annotator", f"choose one of {', '.join(annotators)}")
        self._work(message, name, wanted.person)
        return self._desk.add(message, name, wanted)

    def check_end(self, message: Message, name: str, action: Action) -> None:
        """Check an action that ends a review. Raises: StageError while an annotator must correct the image, and where
        an annotator has changed it since the review began."""
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
        """The first image that enough annotators have finished; images that the reviewer has begun come first."""
        tasks = self._desk.journal.tasks
        states = {name: self._state(message, name) for name in self._desk.page_names}
        complete = [name for name in states if len(annotated_sheets(tasks, name)) >= tasks.copies]
        ready = [name for state in ("begun", "open") for name in complete if states[name] == state]
        return next(iter(ready), None)

    def _state(self, message: Message, name: str) -> str:
        tasks, annotator = self._desk.journal.tasks, self._desk.annotator(message)
        if tasks.image(name).gold or not annotated_sheets(tasks, name):
            return "waiting"
        if open_notes(tasks, name):
            return "returned"
        return image_state(self._desk.tasks(message), name, annotator, self._desk.clock())

    def _action(self, message: Message, name: str, tag: str, *fields: str) -> Action:
        image = self._desk.image(name)
        given = {field: message.get(field) for field in fields}
        return action_of({"do": tag, **given}, (image.height, image.width))

    def _work(self, message: Message, name: str, number: int) -> PersonWork:
        work = self._desk.person(message, name, number)
        if work is None:
            raise StageError(f"there is no person {number}", "person", "reload the page")
        return work

    def _items(self, name: str, number: int, work: PersonWork, annotators: list[str]) -> Iterator[dict[str, Any]]:
        """JSON of the disagreements about a person, then of doubtful points; each with the annotators' answers."""
        tasks = self._desk.journal.tasks
        works = works_of(tasks, name, work)
        if not works:
            return
        known = disagreements(works, annotators)
        items = {found.item for found in known}
        first = next(iter(works.values()))
        known += [found for found in doubtful_points(first, tasks.image(name)) if found.item not in items]
        for found in known:
            yield {
                "person": number, "item": found.item, "size": round(found.size, 3), "what": found.description,
                "answers": dict(_answers(found, works)),
            }


def _answers(found: Disagreement, works: Works) -> Iterator[tuple[str, Any]]:
    """Each annotator's answer about an item, as JSON that the page draws."""
    kind, *numbers = found.item.split()
    index = [int(digits) for digits in numbers]
    first = next(iter(works.values()))
    for annotator, work in works.items():
        if kind in ("person", "kind", "box"):
            yield annotator, {"box": work.box_4, "kind": work.kind}
        elif kind == "outline" and work.outline is not None:
            yield annotator, {"map": outline_record(work.outline)}
        elif kind == "part" and work.parts is not None:
            yield annotator, {"map": part_map_record(work.parts)}
        elif kind == "point":
            wanted = first.asked[index[0]][index[1]]
            seen = [point for point in work.asked.get(index[0], ()) if (point.x, point.y) == (wanted.x, wanted.y)]
            answered = (point for point in seen if point.answer is not None)
            yield from ((annotator, {"point": point_record(index[0], point)}) for point in answered)
        elif kind == "joint" and index[0] in work.keypoints:
            joint = work.keypoints[index[0]]
            yield annotator, {"joint": (joint.x, joint.y, joint.visibility)}
