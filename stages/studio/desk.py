"""The desk of a studio: names of annotators and images, and actions on their way into the journal."""

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
    History,
    Step,
    TaskImage,
    TaskList,
    WorkEntry,
    active_seconds,
    claimed,
    finished_by,
    hint_shown,
    open_notes,
    reviewed_sheet,
    reviews_of,
)
from stages.studio.work.work_journal import WorkJournal, checked_name

Message = Mapping[str, Any]
MAX_KEY = 64
"""Characters of a message's key."""


class Desk:
    """What all messages of the page share. Not for several threads at once."""

    def __init__(
        self, journal: WorkJournal, shown: Mapping[str, str], clock: Callable[[], float] = time.time
    ) -> None:
        """`shown`: names that the page shows, by the names of this run's images, in their order."""
        self.journal, self.shown, self.clock = journal, shown, clock
        self._names = {seen: name for name, seen in shown.items()}
        self._done: dict[str, tuple[Any, Any, bool]] = {}

    def annotator(self, message: Message) -> str:
        """The annotator of a message. Raises: StageError."""
        return checked_name(message.get("who"))

    def tasks(self, message: Message) -> TaskList:
        """The work that a message is about: the annotators', or with `review: true` the reviewers'."""
        tasks = self.journal.tasks
        return reviews_of(tasks) if message.get("review") is True else tasks

    def set_claims(self, message: Message, tasks: TaskList) -> None:
        """Replace that work by one with other claims."""
        whole = self.journal.tasks
        self.journal.tasks = replace(whole, reviews=tasks) if message.get("review") is True else tasks

    def name(self, message: Message) -> str:
        """The name of a message's image. Raises: StageError for one that is not on this run's list."""
        seen = message.get("image")
        if not isinstance(seen, str) or seen not in self._names:
            raise StageError("the image is not on this run's list", "image", "reload the page")
        return self._names[seen]

    def image(self, name: str) -> TaskImage:
        """An image of the task list. Raises: StageError."""
        return self.journal.tasks.image(name)

    def history(self, message: Message, name: str) -> History:
        """The sheets of a message's annotator, or reviewer. Raises: StageError."""
        return self.tasks(message).history(name, self.annotator(message))

    def person(self, message: Message, name: str, number: int) -> PersonWork | None:
        """An annotator's work on a person; None where there is none. Raises: StageError."""
        return self.history(message, name).sheet.people.get(number)

    def add(self, message: Message, name: str, do: Action | Step) -> dict[str, Any]:
        """Write what an annotator does into the journal; returns what the page shows next.

        With `painted: true` the page has drawn what it paints, and neither map nor outline is sent back. A message with
        the `key` of the one before is that one, whose answer was lost, and nothing is done.

        Raises: StageError for an image that another annotator has, and for what does not fit the sheet.
        """
        who, now, tasks = self.annotator(message), self.clock(), self.tasks(message)
        before = self.history(message, name)
        key = message.get("key", "")
        if not isinstance(key, str) or len(key) > MAX_KEY:
            raise StageError(f"is not text of at most {MAX_KEY} characters", "key", "reload the page")
        if key and key == before.key:
            return self.page_record(message, name)
        drawn = do.person if isinstance(do, Paint | SetOutline) and message.get("painted") is True else None
        claimed(tasks, name, who, now)
        seconds = active_seconds(tasks, who, now)
        if isinstance(do, Answer) and (shown := hint_shown(tasks, name, who, do.person)) is not None:
            do = replace(do, hint=shown)
        review = message.get("review") is True
        if review and not isinstance(do, str):
            do = with_decisions(do, before.sheet)
        self.journal.add(WorkEntry(who=who, image=name, at=now, seconds=seconds, do=do, review=review, key=key))
        return self.page_record(message, name, before, drawn)

    def page_record(
        self, message: Message, name: str, before: History | None = None, drawn: int | None = None
    ) -> dict[str, Any]:
        """The sheet for the page, as `history_record`, the progress, and the notes of a reviewer to this annotator.

        `hint` of each person: whether the network's guess is shown.
        """
        tasks, who = self.tasks(message), self.annotator(message)
        sheet = history_record(self.history(message, name), before, drawn)
        for number, person in sheet["people"].items():
            person["hint"] = hint_shown(tasks, name, who, number)
        notes = [
            {"reviewer": reviewer, "person": person, "note": note.note}
            for reviewer, person, note in open_notes(tasks, name, who)
        ]
        return {"sheet": sheet, "progress": self.progress(message), "notes": notes}

    def progress(self, message: Message) -> dict[str, int]:
        """Number of this run's images, and of those that are finished, or reviewed."""
        if message.get("review") is True:
            gold = {one.name for one in self.journal.tasks.images if one.gold}
            reviewed = sum(reviewed_sheet(self.journal.tasks, name) is not None for name in self.shown)
            return {"images": len(self.shown.keys() - gold), "finished": reviewed}
        return {"images": len(self.shown), "finished": self.finished()}

    def finished(self) -> int:
        """Number of this run's images that as many annotators have finished as are wanted.

        Only images on which something was done since the last call are looked at: long tasks have no slower clicks.
        """
        tasks = self.journal.tasks
        reviews = {} if tasks.reviews is None else tasks.reviews.histories
        for name in self.shown:
            work, review = tasks.histories.get(name), reviews.get(name)
            known = self._done.get(name)
            if known is None or known[0] is not work or known[1] is not review:
                self._done[name] = work, review, is_finished(tasks, name)
        return sum(done for _, _, done in list(self._done.values()))


def is_finished(tasks: TaskList, name: str) -> bool:
    """Whether as many annotators have finished an image as are wanted, and nothing was sent back."""
    return len(list(finished_by(tasks, name))) >= tasks.copies and not open_notes(tasks, name)
