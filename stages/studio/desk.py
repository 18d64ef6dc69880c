"""The desk of a studio: names of annotators and images, and actions on their way into the journal."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pipeline.stage import StageError
from stages.studio.actions import Action, Answer, Paint, SetOutline
from stages.studio.journal import WorkJournal, checked_name
from stages.studio.sheet import PersonWork
from stages.studio.sheet_records import history_record
from stages.studio.task_list import (
    History,
    Step,
    TaskImage,
    WorkEntry,
    active_seconds,
    claimed,
    finished_by,
    hint_shown,
)

Message = Mapping[str, Any]


class Desk:
    """What all messages of the page share. Not for several threads at once."""

    def __init__(
        self, journal: WorkJournal, shown: Mapping[str, str], clock: Callable[[], float] = time.time
    ) -> None:
        """`shown`: names that the page shows, by the names of this run's images, in their order."""
        self.journal, self.shown, self.clock = journal, shown, clock
        self._names = {seen: name for name, seen in shown.items()}

    def who(self, message: Message) -> str:
        """The annotator of a message. Raises: StageError."""
        return checked_name(message.get("who"))

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
        """The sheets of a message's annotator. Raises: StageError."""
        return self.journal.tasks.histories.get((name, self.who(message)), History())

    def person(self, message: Message, name: str, number: int) -> PersonWork | None:
        """An annotator's work on a person; None where there is none. Raises: StageError."""
        return self.history(message, name).sheet.people.get(number)

    def add(self, message: Message, name: str, do: Action | Step) -> dict[str, Any]:
        """Write what an annotator does into the journal; returns what the page is told.

        With `painted: true` the page has drawn what it paints, and neither map nor outline is sent back.

        Raises: StageError for an image that another annotator has, and for what does not fit the sheet.
        """
        who, now, tasks = self.who(message), self.clock(), self.journal.tasks
        before = self.history(message, name)
        drawn = do.person if isinstance(do, Paint | SetOutline) and message.get("painted") is True else None
        claimed(tasks, name, who, now)
        seconds = active_seconds(tasks, who, now)
        if isinstance(do, Answer) and (shown := hint_shown(tasks, name, who, do.person)) is not None:
            do = replace(do, hint=shown)
        self.journal.add(WorkEntry(who=who, image=name, at=now, seconds=seconds, do=do))
        return self.told(message, name, before, drawn)

    def told(
        self, message: Message, name: str, before: History | None = None, drawn: int | None = None
    ) -> dict[str, Any]:
        """The sheet for the page, as `history_record`, and the progress.

        `hint` of each person: whether the network's guess is shown.
        """
        sheet = history_record(self.history(message, name), before, drawn)
        for number, person in sheet["people"].items():
            person["hint"] = hint_shown(self.journal.tasks, name, self.who(message), number)
        return {"sheet": sheet, "progress": self.progress()}

    def progress(self) -> dict[str, int]:
        """Number of this run's images, and of those that are finished."""
        return {"images": len(self.shown), "finished": self.finished()}

    def finished(self) -> int:
        """Number of this run's images that as many annotators have finished as are wanted."""
        tasks = self.journal.tasks
        return sum(len(list(finished_by(tasks, name))) >= tasks.copies for name in self.shown)
