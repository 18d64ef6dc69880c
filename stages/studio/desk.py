"""What all messages of the page share: names of annotators and images, and the writing of actions to the journal."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pipeline.stage import StageError
from stages.studio.adjudication import with_decisions
from stages.studio.sheet_records import history_record
from stages.studio.work.actions import Action, Answer, Paint, SetOutline
from stages.studio.work.sheet import PersonWork
from stages.studio.work.task_list import (
    TaskImage,
    TaskList,
    active_seconds,
    claimed,
    finished_by,
    has_hint,
    open_notes,
    reviewed_sheet,
    reviews_of,
)
from stages.studio.work.undo_history import History, Step, WorkEntry
from stages.studio.work.work_journal import WorkJournal, checked_name

Message = Mapping[str, Any]
MAX_KEY = 64
"""Characters of a message's key."""


class Desk:
    """Reads the names in messages, and writes actions to the journal. Used by one thread at a time."""

    def __init__(
        self, journal: WorkJournal, page_names: Mapping[str, str], clock: Callable[[], float] = time.time
    ) -> None:
        """`page_names`: the names of this run's images on the page, by the images' own names, in order."""
        self.journal, self.page_names, self.clock = journal, page_names, clock
        self._names = {page_name: name for name, page_name in page_names.items()}
        self._done: dict[str, tuple[Any, Any, bool]] = {}

    def annotator(self, message: Message) -> str:
        """The annotator of a message. Raises: StageError."""
        return checked_name(message.get("who"))

    def tasks(self, message: Message) -> TaskList:
        """The annotators' task list, or with `review: true` in the message the reviewers'."""
        tasks = self.journal.tasks
        return reviews_of(tasks) if message.get("review") is True else tasks

    def set_claims(self, message: Message, tasks: TaskList) -> None:
        """Replace the task list of `Desk.tasks` by one with other claims."""
        all_tasks = self.journal.tasks
        self.journal.tasks = replace(all_tasks, reviews=tasks) if message.get("review") is True else tasks

    def name(self, message: Message) -> str:
        """The name of a message's image. Raises: StageError for an image that this run does not have."""
        page_name = message.get("image")
        if not isinstance(page_name, str) or page_name not in self._names:
            raise StageError("the image is not on this run's list", "image", "reload the page")
        return self._names[page_name]

    def image(self, name: str) -> TaskImage:
        """An image of the task list. Raises: StageError."""
        return self.journal.tasks.image(name)

    def history(self, message: Message, name: str) -> History:
        """The sheets of a message's annotator or reviewer for an image. Raises: StageError."""
        return self.tasks(message).history(name, self.annotator(message))

    def person(self, message: Message, name: str, number: int) -> PersonWork | None:
        """The work of a message's annotator on a person; None without such a person. Raises: StageError."""
        return self.history(message, name).sheet.people.get(number)

    def add(self, message: Message, name: str, action: Action | Step) -> dict[str, Any]:
        """Write an action of an annotator to the journal; returns `page_record`.

        With `painted: true` in the message the page has drawn the change already: the answer has neither map nor
        outline. A message with the `key` of the message before is a repetition after a lost answer: it changes nothing.

        Raises: StageError for an image that another annotator has, and for an action that does not fit the sheet.
        """
        annotator, now, tasks = self.annotator(message), self.clock(), self.tasks(message)
        before = self.history(message, name)
        key = message.get("key", "")
        if not isinstance(key, str) or len(key) > MAX_KEY:
            raise StageError(f"is not text of at most {MAX_KEY} characters", "key", "reload the page")
        if key and key == before.key:
            return self.page_record(message, name)
        painted = message.get("painted") is True
        drawn = action.person if painted and isinstance(action, Paint | SetOutline) else None
        claimed(tasks, name, annotator, now)
        seconds = active_seconds(tasks, annotator, now)
        if isinstance(action, Answer) and (hint := has_hint(tasks, name, annotator, action.person)) is not None:
            action = replace(action, hint=hint)
        review = message.get("review") is True
        if review and not isinstance(action, str):
            action = with_decisions(action, before.sheet)
        self.journal.add(WorkEntry(
            annotator=annotator, image=name, at=now, seconds=seconds, action=action, review=review, key=key
        ))
        return self.page_record(message, name, before, drawn)

    def page_record(
        self, message: Message, name: str, before: History | None = None, drawn: int | None = None
    ) -> dict[str, Any]:
        """JSON for the page: the sheet as `history_record`, the progress, and reviewers' notes to this annotator.

        Each person of the sheet has `hint`: whether the annotator sees the network's guess.
        """
        tasks, annotator = self.tasks(message), self.annotator(message)
        sheet = history_record(self.history(message, name), before, drawn)
        for number, person in sheet["people"].items():
            person["hint"] = has_hint(tasks, name, annotator, number)
        notes = [
            {"reviewer": reviewer, "person": person, "note": note.note}
            for reviewer, person, note in open_notes(tasks, name, annotator)
        ]
        return {"sheet": sheet, "progress": self.progress(message), "notes": notes}

    def progress(self, message: Message) -> dict[str, int]:
        """Numbers of this run's images, and of the finished ones; for a reviewer of the reviewed ones."""
        if message.get("review") is True:
            gold = {image.name for image in self.journal.tasks.images if image.gold}
            reviewed = sum(reviewed_sheet(self.journal.tasks, name) is not None for name in self.page_names)
            return {"images": len(self.page_names.keys() - gold), "finished": reviewed}
        return {"images": len(self.page_names), "finished": self.finished()}

    def finished(self) -> int:
        """Number of this run's finished images (`is_finished`).

        Images that nobody has changed since the last call are not counted again: clicks stay fast in long tasks.
        """
        tasks = self.journal.tasks
        reviews = {} if tasks.reviews is None else tasks.reviews.histories
        for name in self.page_names:
            work, review = tasks.histories.get(name), reviews.get(name)
            known = self._done.get(name)
            if known is None or known[0] is not work or known[1] is not review:
                self._done[name] = work, review, is_finished(tasks, name)
        return sum(done for _, _, done in list(self._done.values()))


def is_finished(tasks: TaskList, name: str) -> bool:
    """Whether enough annotators (`copies`) have finished an image, and no reviewer has sent a person back."""
    return len(list(finished_by(tasks, name))) >= tasks.copies and not open_notes(tasks, name)
