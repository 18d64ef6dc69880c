"""Answers all messages of the page, without HTTP: images, claims, actions, clicks and proposals."""

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
from stages.studio.page_images import PageImages
from stages.studio.people_file import people_file
from stages.studio.point_desk import PointDesk
from stages.studio.progress import task_progress
from stages.studio.proposals import ProposedPerson
from stages.studio.result_writer import ResultWriter
from stages.studio.review_desk import ReviewDesk
from stages.studio.studio_files import GivenImage, ranked_path, studio_journal, unreviewed_path
from stages.studio.work.action_messages import action_of
from stages.studio.work.actions import REVIEW_ACTIONS, ChangeGroup, HandOn, SetStatus
from stages.studio.work.sheet import WorkSheet
from stages.studio.work.task_list import (
    HintRule,
    TaskList,
    claimed,
    image_state,
    next_image,
    released,
    reviewed_sheet,
    reviews_of,
)
from stages.studio.work.undo_history import WorkEntry
from stages.studio.work.work_journal import WorkJournal, checked_name


class Propose(Protocol):
    """The network's proposals, as of `Proposer`."""

    def __call__(
        self, name: str, read: Callable[[], U8], box_4: Sequence[float] | None = None
    ) -> list[ProposedPerson]:
        """The people of an image, or the person in a box."""


class Workplace:
    """The task list behind the page. Used by one thread at a time: the server calls it from one."""

    def __init__(
        self, images: Sequence[GivenImage], output: Path, *, copies: int, propose: Propose | None,
        hints: HintRule = "choice", clock: Callable[[], float] = time.time,
    ) -> None:
        """Open the journal.

        Where the list has gold items, the page shows numbers instead of names, so that names do not reveal them.

        Args:
            images: of this run.
            output: the result.
            copies: number of annotators of each image.
            propose: the network's proposals; None: no proposals.
            hints: whether annotators or chance decide if the network's guess is shown.
            clock: seconds since 1970.

        Raises: StageError.
        """
        self._starts = {image.task.name: image.start for image in images if image.start is not None}
        self._given = next((image.file for image in images if image.file is not None), None)
        self._journal = WorkJournal(studio_journal(output), [image.task for image in images], copies, hints)
        numbered = any(image.task.gold for image in images)
        names = [image.task.name for image in images]
        page_names = {name: f"image {number}" if numbered else name for number, name in enumerate(names, start=1)}
        self._desk = Desk(self._journal, page_names, clock)
        self._output, self._copies, self._propose = output, copies, propose
        self.secret = self._journal.secret("names")
        self.pictures = PageImages({image.task.name: image.path for image in images})
        self.points = PointDesk(self._desk, self._proposed)
        self.reviews = ReviewDesk(self._desk)
        self._writer = ResultWriter(self._write_all)
        if self._journal.tasks.histories:  # a killed program may have left the result without the last actions
            self._writer.changed()

    def open_image(self, message: Message) -> dict[str, Any]:
        """Open an image for an annotator, or with `review: true` for a reviewer: the named one, or the next.

        `image` is None when no image is left; `review`: the disagreements of the annotators.

        Raises: StageError for an unknown name, and for an image that somebody else has.
        """
        desk = self._desk
        review = message.get("review") is True
        name, more = self.reviews.open_image(message) if review else (self._claimed(message), {})
        if name is None:
            return {"image": None, "progress": desk.progress(message)}
        image, number = desk.image(name), list(desk.page_names).index(name)
        about = {"name": desk.page_names[name], "number": number, "width": image.width, "height": image.height}
        return {"image": about, **desk.page_record(message, name), **more}

    def _listed(self) -> TaskList:
        """The task list with the images of this run; the journal also has images of earlier runs."""
        tasks = self._journal.tasks
        return replace(tasks, images=tuple(image for image in tasks.images if image.name in self._desk.page_names))

    def _claimed(self, message: Message) -> str | None:
        """The name of the image that an annotator opens and claims; None where no image is left."""
        desk, tasks = self._desk, self._journal.tasks
        annotator, now = desk.annotator(message), desk.clock()
        name = next_image(self._listed(), annotator, now) if message.get("image") is None else desk.name(message)
        if name is None:
            return None
        self._journal.tasks = claimed(released(tasks, annotator), name, annotator, now)
        if name in self._starts and annotator not in tasks.of_image(name):
            self._journal.add(WorkEntry(annotator=annotator, image=name, at=now, seconds=0, action=self._starts[name]))
        return name

    def images(self, message: Message) -> dict[str, Any]:
        """JSON of this run's images: name and state of each, in order.

        `held`: whether the annotator can hand the image on; for a reviewer `sheets`: as in `ReviewDesk.sheets`.

        Raises: StageError.
        """
        desk, tasks = self._desk, self._journal.tasks
        annotator, now = desk.annotator(message), desk.clock()
        if message.get("review") is True:
            states = self.reviews.images(message)
            more: list[dict[str, Any]] = [{"sheets": self.reviews.sheets(name)} for name in desk.page_names]
        else:
            states = [image_state(tasks, name, annotator, now) for name in desk.page_names]
            more = [{"held": tasks.history(name, annotator).held} for name in desk.page_names]
        found = zip(desk.page_names.values(), states, more, strict=True)
        return {"images": [{"name": name, "state": state, **rest} for name, state, rest in found]}

    def act(self, message: Message) -> dict[str, Any]:
        """Carry out an action, an undo or a redo; returns what `Desk.add` returns. Raises: StageError.

        `warning`: why the result could not be written; the journal has the action.
        """
        desk = self._desk
        name = desk.name(message)
        image = desk.image(name)
        given = message.get("action")
        if given in ("undo", "redo"):
            return desk.add(message, name, given)
        action = action_of(given, (image.height, image.width))
        actions = action.actions if isinstance(action, ChangeGroup) else (action,)
        if any(isinstance(change, REVIEW_ACTIONS) for change in actions):
            raise StageError("only reviewers can decide", "do", "reload the page")
        if message.get("review") is True:
            self.reviews.check_end(message, name, action)
        found = desk.add(message, name, action)
        if isinstance(action, SetStatus) or self._writer.trouble:
            self._writer.changed()
        return {**found, "warning": self._writer.trouble} if self._writer.trouble else found

    def release(self, message: Message) -> dict[str, Any]:
        """End all claims of an annotator or reviewer: others can open the images."""
        self._desk.set_claims(message, released(self._desk.tasks(message), self._desk.annotator(message)))
        return {}

    def hand_on(self, message: Message) -> dict[str, Any]:
        """Hand a begun image on, so that others can open it.

        Annotators hand on their own images. The leader hands on those of the annotator `of`; with `reviewer: true` a
        review of the reviewer `of`.

        Raises: StageError for an image that was not begun.
        """
        desk = self._desk
        name, by, leads = desk.name(message), desk.annotator(message), message.get("review") is True
        of = checked_name(message.get("of")) if leads else by
        review = leads and message.get("reviewer") is True
        tasks = reviews_of(self._journal.tasks) if review else self._journal.tasks
        if not tasks.history(name, of).held:
            raise StageError(f"{of} has not begun this image", "image", "open the list of images again")
        action = HandOn(by=by)
        self._journal.add(WorkEntry(annotator=of, image=name, at=desk.clock(), seconds=0, action=action, review=review))
        return {}

    def progress(self, message: Message) -> dict[str, Any]:
        """The progress of this run's images, as `task_progress`. Any thread may call it."""
        return task_progress(self._listed())

    def image_name(self, number: int) -> str:
        """The name of an image by its number on this run's list. Raises: StageError."""
        names = list(self._desk.page_names)
        if not 0 <= number < len(names):
            raise StageError(f"there is no image {number}", "image", "reload the page")
        return names[number]

    def proposals(self, name: str) -> dict[str, Any]:
        """The network's proposals for an image. Raises: StageError, ModelError."""
        return {"people": [person.record() for person in self._proposed(name)]}

    def write(self) -> int:
        """Write the result of each rank of annotators; returns the number of people of the first file.

        Finished reviews replace the first rank, whose own annotations are then in `unreviewed_path`.

        Raises: StageError.
        """
        people = self._writer.write_now()
        assert isinstance(people, int)
        return people

    def settled(self) -> bool:
        """Wait until the result has all finished images; returns False after a minute."""
        return self._writer.settled()

    def _write_all(self) -> int:
        tasks = self._journal.tasks
        counts = [self._write(ranked_path(self._output, rank), tasks, rank) for rank in range(self._copies)]
        if any(reviewed_sheet(tasks, name) is not None for name in self._desk.page_names):
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
        """Close the journal, which has all actions, also those that the result lacks."""
        self._writer.close()
        self._journal.close()

    def finished(self) -> int:
        """Number of this run's finished images."""
        return self._desk.finished()

    def sheet(self, image: str, annotator: str) -> WorkSheet:
        """An annotator's sheet of an image."""
        return self._journal.tasks.sheet(image, annotator)

    def is_used(self, annotator: str) -> bool:
        """Whether an annotator has worked under a name."""
        return annotator in self._journal.tasks.last_at

    def left_out(self) -> list[str]:
        """A sentence for each sheet that no result file has."""
        return [str(work) for work in left_out(self._journal.tasks)]

    def _proposed(self, name: str, box_4: Sequence[float] | None = None) -> list[ProposedPerson]:
        return [] if self._propose is None else self._propose(name, lambda: self.pictures.rgb(name), box_4)
