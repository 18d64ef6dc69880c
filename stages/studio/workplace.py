"""All that the page can ask for, apart from HTTP: images, claims, actions, clicks and proposals, in one place."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from models.arrays import U8
from pipeline.stage import StageError
from stages.annotations.coco_documents import write_document
from stages.annotations.densepose_coco import set_document
from stages.studio.desk import Desk, Message
from stages.studio.given_document import document_with_results
from stages.studio.image_results import left_out
from stages.studio.people_file import people_file
from stages.studio.point_desk import PointDesk
from stages.studio.progress import task_progress
from stages.studio.proposals import ProposedPerson
from stages.studio.result_writer import ResultWriter
from stages.studio.review_desk import ReviewDesk
from stages.studio.shown_images import ShownImages
from stages.studio.studio_files import GivenImage, ranked_path, studio_journal, unreviewed_path
from stages.studio.work.action_messages import action_of
from stages.studio.work.actions import REVIEW_ACTIONS, HandOn, SetStatus, Together
from stages.studio.work.sheet import WorkSheet
from stages.studio.work.task_list import (
    HintRule,
    TaskList,
    WorkEntry,
    claimed,
    image_state,
    next_image,
    released,
    reviewed_sheet,
    reviews_of,
)
from stages.studio.work.work_journal import WorkJournal, checked_name


class Propose(Protocol):
    """The network's proposals, as `Proposer`."""

    def __call__(
        self, name: str, read: Callable[[], U8], box_4: Sequence[float] | None = None
    ) -> list[ProposedPerson]:
        """The people of an image, or the one of a box."""


class Workplace:
    """The task list behind the page. Not for several threads at once: its server calls it from one."""

    def __init__(
        self, images: Sequence[GivenImage], output: Path, *, copies: int, propose: Propose | None,
        hints: HintRule = "choice", clock: Callable[[], float] = time.time,
    ) -> None:
        """Open the journal.

        Where images of known truth are hidden among the others, the page shows numbers in place of all names.

        Args:
            propose: the network's proposals; None = there are none.
            hints: who decides whether the network's guess is shown.

        Raises: StageError.
        """
        self._starts = {one.task.name: one.start for one in images if one.start is not None}
        self._given = next((one.file for one in images if one.file is not None), None)
        self._journal = WorkJournal(studio_journal(output), [one.task for one in images], copies, hints)
        numbered = any(one.task.gold for one in images)
        names = [one.task.name for one in images]
        shown = {name: f"image {number}" if numbered else name for number, name in enumerate(names, start=1)}
        self._desk = Desk(self._journal, shown, clock)
        self._output, self._copies, self._propose = output, copies, propose
        self.secret = self._journal.secret("names")
        self.pictures = ShownImages({one.task.name: one.path for one in images})
        self.points = PointDesk(self._desk, self._proposed)
        self.reviews = ReviewDesk(self._desk)
        self._writer = ResultWriter(self._write_all)
        if self._journal.tasks.histories:  # what a killed program had confirmed
            self._writer.changed()

    def take(self, message: Message) -> dict[str, Any]:
        """Give an annotator, or with `review: true` a reviewer, an image: the named one, or the next.

        `image` is None when none is left; `review`: what the annotators of the image see differently.

        Raises: StageError for a wrong name, and for an image that another one has.
        """
        desk = self._desk
        name, more = self.reviews.take(message) if message.get("review") is True else (self._taken(message), {})
        if name is None:
            return {"image": None, "progress": desk.progress(message)}
        one, number = desk.image(name), list(desk.shown).index(name)
        about = {"name": desk.shown[name], "number": number, "width": one.width, "height": one.height}
        return {"image": about, **desk.page_record(message, name), **more}

    def _taken(self, message: Message) -> str | None:
        """The name of an annotator's image, which is locked for them."""
        desk, tasks = self._desk, self._journal.tasks
        who, now = desk.annotator(message), desk.clock()
        # The journal may know images of earlier runs, which are not given this time.
        listed = replace(tasks, images=tuple(one for one in tasks.images if one.name in desk.shown))
        name = next_image(listed, who, now) if message.get("image") is None else desk.name(message)
        if name is None:
            return None
        self._journal.tasks = claimed(released(tasks, who), name, who, now)
        if name in self._starts and who not in tasks.of_image(name):
            self._journal.add(WorkEntry(who=who, image=name, at=now, seconds=0, do=self._starts[name]))
        return name

    def images(self, message: Message) -> dict[str, Any]:
        """This run's images for an annotator or a reviewer: name and state of each, by its number.

        `held`: the annotator may hand the image on; `sheets`: what a reviewer sees of all annotators' work.

        Raises: StageError.
        """
        desk, tasks = self._desk, self._journal.tasks
        who, now = desk.annotator(message), desk.clock()
        if message.get("review") is True:
            states = self.reviews.images(message)
            more: list[dict[str, Any]] = [{"sheets": self.reviews.sheets(name)} for name in desk.shown]
        else:
            states = [image_state(tasks, name, who, now) for name in desk.shown]
            more = [{"held": tasks.history(name, who).held} for name in desk.shown]
        found = zip(desk.shown.values(), states, more, strict=True)
        return {"images": [{"name": name, "state": state, **rest} for name, state, rest in found]}

    def act(self, message: Message) -> dict[str, Any]:
        """Carry out an action, an undo or a redo; returns what `Desk.add` does. Raises: StageError.

        `warning`: why the file of the result could not be written; the action is in the journal.
        """
        desk = self._desk
        name = desk.name(message)
        image = desk.image(name)
        do = message.get("action")
        if do in ("undo", "redo"):
            return desk.add(message, name, do)
        action = action_of(do, (image.height, image.width))
        actions = action.actions if isinstance(action, Together) else (action,)
        if any(isinstance(one, REVIEW_ACTIONS) for one in actions):
            raise StageError("only a reviewer decides", "do", "reload the page")
        if message.get("review") is True:
            self.reviews.check_end(message, name, action)
        found = desk.add(message, name, action)
        if isinstance(action, SetStatus) or self._writer.trouble:
            self._writer.changed()
        return {**found, "warning": self._writer.trouble} if self._writer.trouble else found

    def release(self, message: Message) -> dict[str, Any]:
        """The annotator, or reviewer, leaves: their images are free for others."""
        self._desk.set_claims(message, released(self._desk.tasks(message), self._desk.annotator(message)))
        return {}

    def hand_on(self, message: Message) -> dict[str, Any]:
        """An image that was begun is free for others: the annotator's own, or for who leads the work that of `of`.

        With `reviewer: true` it is a review that is handed on. Raises: StageError where `of` has not begun the image.
        """
        desk = self._desk
        name, by, leads = desk.name(message), desk.annotator(message), message.get("review") is True
        of = checked_name(message.get("of")) if leads else by
        review = leads and message.get("reviewer") is True
        tasks = reviews_of(self._journal.tasks) if review else self._journal.tasks
        if not tasks.history(name, of).held:
            raise StageError(f"{of} has not begun this image", "image", "open the list of images again")
        do = HandOn(by=by)
        self._journal.add(WorkEntry(who=of, image=name, at=desk.clock(), seconds=0, do=do, review=review))
        return {}

    def progress(self, message: Message) -> dict[str, Any]:
        """How far this run's images are, and who did what, for who leads the work. Safe in another thread."""
        tasks = self._journal.tasks
        listed = replace(tasks, images=tuple(one for one in tasks.images if one.name in self._desk.shown))
        return task_progress(listed)

    def image_name(self, number: int) -> str:
        """The name of an image by its number on this run's list. Raises: StageError."""
        names = list(self._desk.shown)
        if not 0 <= number < len(names):
            raise StageError(f"there is no image {number}", "image", "reload the page")
        return names[number]

    def proposals(self, name: str) -> dict[str, Any]:
        """The network's proposals for an image. Raises: StageError, ModelError."""
        return {"people": [one.record() for one in self._proposed(name)]}

    def write(self) -> int:
        """Write the file of each rank of annotators; returns the number of people of the first.

        What reviewers have finished takes the place of the first rank, whose own work then stands in a file apart.

        Raises: StageError.
        """
        people = self._writer.write_now()
        assert isinstance(people, int)
        return people

    def settled(self) -> bool:
        """Wait until the file has all that is finished; whether that was within a minute."""
        return self._writer.settled()

    def _write_all(self) -> int:
        tasks = self._journal.tasks
        counts = [self._write(ranked_path(self._output, rank), tasks, rank) for rank in range(self._copies)]
        if any(reviewed_sheet(tasks, name) is not None for name in self._desk.shown):
            self._write(unreviewed_path(self._output), replace(tasks, reviews=None), 0)
        return counts[0]

    def _write(self, path: Path, tasks: TaskList, rank: int) -> int:
        if self._given is not None:
            document, people = document_with_results(self._given, tasks, rank)
        else:
            made = people_file(tasks, rank)
            document, people = set_document(made), len(made.people)
        write_document(path, document)
        return people

    def close(self) -> None:
        """Close the journal. What is not in the file yet is in it."""
        self._writer.close()
        self._journal.close()

    def finished(self) -> int:
        """Number of this run's images that as many annotators have finished as are wanted."""
        return self._desk.finished()

    def sheet(self, image: str, who: str) -> WorkSheet:
        """What an annotator made of an image."""
        return self._journal.tasks.sheet(image, who)

    def is_used(self, who: str) -> bool:
        """Whether somebody has annotated under a name."""
        return who in self._journal.tasks.last_at

    def left_out(self) -> list[str]:
        """A sentence for each annotator's work on an image that is in no file."""
        return [str(one) for one in left_out(self._journal.tasks)]

    def _proposed(self, name: str, box_4: Sequence[float] | None = None) -> list[ProposedPerson]:
        return [] if self._propose is None else self._propose(name, lambda: self.pictures.rgb(name), box_4)
