"""The task list: images, the sheets of all annotators and claims."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from pipeline.stage import StageError
from stages.studio.work.actions import HandOn, SendBack
from stages.studio.work.sheet import WorkSheet
from stages.studio.work.undo_history import History, WorkEntry, history_after

CLAIM_S = 300.0
"""Duration of a claim after the annotator's last action. An image with work stays the annotator's after it."""
IDLE_S = 60.0
"""A longer pause between two actions does not count as working time."""

HintRule = Literal["choice", "half"]
"""`choice`: annotators decide whether the network's guess is shown; `half`: chance decides for each person."""
ImageState = Literal["open", "begun", "finished", "skipped", "taken", "returned", "reviewed"]
"""State of an image for an annotator. `taken`: enough others annotate it; `returned`: a reviewer sent a person back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskImage:
    """An image to annotate.

    Attributes:
        name: unique in the list.
        height, width: pixels.
        gold: whether it is a gold item, which never enters the result.
    """

    name: str
    height: int
    width: int
    gold: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right of an annotator to work on an image, until `until`, seconds since 1970."""

    annotator: str
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskList:
    """The task list and all work on it.

    Attributes:
        images: in the order in which annotators get them.
        copies: number of annotators of each image.
        hints: the rule that decides whether the network's guess is shown.
        histories: by image, then by annotator.
        claims: by image; at most `copies` annotators have one.
        last_at: time of each annotator's last action, seconds since 1970.
        reviews: the reviewers' work, with reviewers in place of annotators; None before the first review.
    """

    images: tuple[TaskImage, ...]
    copies: int = 1
    hints: HintRule = "choice"
    histories: Mapping[str, Mapping[str, History]] = field(default_factory=dict)
    claims: Mapping[str, tuple[Claim, ...]] = field(default_factory=dict)
    last_at: Mapping[str, float] = field(default_factory=dict)
    reviews: TaskList | None = None

    def image(self, name: str) -> TaskImage:
        """An image by its name. Raises: StageError."""
        found = next((image for image in self.images if image.name == name), None)
        if found is None:
            raise StageError("the image is not in the task list", name, "reload the page")
        return found

    def sheet(self, image: str, annotator: str) -> WorkSheet:
        """An annotator's sheet of an image; empty before the first action."""
        return self.history(image, annotator).sheet

    def history(self, image: str, annotator: str) -> History:
        """An annotator's sheets of an image; the empty one before the first action."""
        return self.of_image(image).get(annotator) or History()

    def of_image(self, image: str) -> Mapping[str, History]:
        """The histories of all annotators of an image."""
        return self.histories.get(image, {})


def has_hint(tasks: TaskList, image: str, annotator: str, person: int) -> bool | None:
    """Whether an annotator sees the network's guess for a person of an image; None: the annotator chooses.

    By the rule `half`, a hash of image, annotator and person decides like a fair coin, equal after each restart.
    """
    if tasks.hints == "choice":
        return None
    name = f"{image}\n{annotator}\n{person}".encode(errors="surrogateescape")  # of bytes that are no UTF-8
    return bool(hashlib.sha256(name).digest()[0] & 1)


def after_entry(tasks: TaskList, entry: WorkEntry) -> TaskList:
    """The task list after an entry. The annotator's claim is renewed; handing the image on ends it.

    An undo of the first sheet, and a redo without an undo before, change nothing.

    Raises: StageError as `after_action`, and for an image that is not in the list.
    """
    tasks.image(entry.image)
    if entry.review:
        return replace(tasks, reviews=after_entry(reviews_of(tasks), replace(entry, review=False)))
    histories = tasks.of_image(entry.image)
    history = replace(history_after(histories.get(entry.annotator) or History(), entry), key=entry.key)
    others = tuple(_others(tasks, entry.image, entry.annotator, entry.at))
    changed = replace(tasks, histories={**tasks.histories, entry.image: {**histories, entry.annotator: history}})
    if isinstance(entry.action, HandOn):
        return replace(changed, claims={**tasks.claims, entry.image: others})
    claim = Claim(annotator=entry.annotator, until=entry.at + CLAIM_S)
    claims = {**tasks.claims, entry.image: (*others, claim)}
    return replace(changed, claims=claims, last_at={**tasks.last_at, entry.annotator: entry.at})


def reviews_of(tasks: TaskList) -> TaskList:
    """The reviewers' task list of the same images; each image has one reviewer."""
    if tasks.reviews is not None and tasks.reviews.images is tasks.images:
        return tasks.reviews
    return replace(tasks.reviews or TaskList(images=()), images=tasks.images)


def reviewed_sheet(tasks: TaskList, image: str) -> tuple[str, History] | None:
    """The reviewer of an image and their finished sheet; None where the review is not finished."""
    if tasks.reviews is None:
        return None
    found = reviews_of(tasks).of_image(image).items()
    done = ((annotator, history) for annotator, history in found if history.sheet.status == "finished")
    return min(done, key=lambda pair: (pair[1].sheet.finished_at or 0, pair[0]), default=None)


def open_notes(tasks: TaskList, image: str, annotator: str | None = None) -> list[tuple[str, int, SendBack]]:
    """Notes of people that were sent back, until the annotator finishes the image again.

    Each is the reviewer, the annotator's number of the person, and the note. `annotator`: whose people; None: all.
    """
    if tasks.reviews is None:
        return []
    found = []
    for reviewer, history in reviews_of(tasks).of_image(image).items():
        for work in history.sheet.people.values():
            for note in work.notes:
                finished_at = tasks.sheet(image, note.annotator).finished_at
                if annotator in (None, note.annotator) and (finished_at is None or finished_at <= note.at):
                    found.append((reviewer, dict(work.sources).get(note.annotator, 0), note))
    return found


def active_seconds(tasks: TaskList, annotator: str, now: float) -> float:
    """Seconds since the annotator's last action; 0 after a pause of more than `IDLE_S`, and before the first action."""
    passed = now - tasks.last_at.get(annotator, now)
    return passed if 0 <= passed <= IDLE_S else 0.0


def _others(tasks: TaskList, image: str, annotator: str, now: float) -> Iterator[Claim]:
    """Claims of other annotators that have not expired."""
    return (claim for claim in tasks.claims.get(image, ()) if claim.annotator != annotator and claim.until > now)


def is_open_to(tasks: TaskList, image: str, annotator: str, now: float) -> bool:
    """Whether an annotator may work on an image now: fewer than `copies` others have it.

    Others have an image if their sheet is finished, if it is begun and not handed on, or if they have a claim. Each
    annotator has a sheet of their own.
    """
    busy = {name for name, history in tasks.of_image(image).items() if history.held or history.sheet.status != "open"}
    busy |= {claim.annotator for claim in _others(tasks, image, annotator, now)}
    return len(busy - {annotator}) < tasks.copies


def finished_by(tasks: TaskList, image: str) -> Iterator[str]:
    """The annotators who have finished an image."""
    return (annotator for annotator, history in tasks.of_image(image).items() if history.sheet.status != "open")


def claimed(tasks: TaskList, image: str, annotator: str, now: float) -> TaskList:
    """The task list after an annotator has opened an image.

    Raises: StageError while enough others have the image (`is_open_to`), and after its review is finished.
    """
    tasks.image(image)
    if reviewed_sheet(tasks, image) is not None:
        raise StageError("the review of this image is finished", "image", "choose another image")
    if not is_open_to(tasks, image, annotator, now):
        raise StageError("another annotator has this image", "image", "choose another image")
    others = tuple(_others(tasks, image, annotator, now))
    return replace(tasks, claims={**tasks.claims, image: (*others, Claim(annotator=annotator, until=now + CLAIM_S))})


def released(tasks: TaskList, annotator: str) -> TaskList:
    """The task list after all claims of an annotator have ended."""
    others = {
        image: tuple(claim for claim in claims if claim.annotator != annotator)
        for image, claims in tasks.claims.items()
    }
    return replace(tasks, claims={image: claims for image, claims in others.items() if claims})


def next_image(tasks: TaskList, annotator: str, now: float) -> str | None:
    """The next image of an annotator: the first that they have begun or that was sent back, else the first open one.

    Images that they handed on are left out. None where no image remains.
    """
    waiting = [
        image.name for image in tasks.images
        if image_state(tasks, image.name, annotator, now) in ("open", "begun", "returned")
        and not tasks.history(image.name, annotator).handed_on
    ]
    begun = [name for name in waiting if annotator in tasks.of_image(name)]
    return next(iter([*begun, *waiting]), None)


def image_state(tasks: TaskList, image: str, annotator: str, now: float) -> ImageState:
    """The state of an image for an annotator: that of their own work, else whether they may work on it."""
    sheet = tasks.sheet(image, annotator)
    if reviewed_sheet(tasks, image) is not None:
        return "reviewed"
    if open_notes(tasks, image, annotator):
        return "returned"
    if sheet.status != "open":
        return sheet.status
    if not is_open_to(tasks, image, annotator, now):
        return "taken"
    return "begun" if sheet.people else "open"


def with_images(tasks: TaskList, images: Sequence[TaskImage]) -> TaskList:
    """The task list with these images first, and all work. Raises: StageError for an image of another size."""
    sizes = {image.name: (image.height, image.width) for image in tasks.images}
    for image in images:
        if sizes.get(image.name, (image.height, image.width)) != (image.height, image.width):
            was, now = sizes[image.name], (image.height, image.width)
            what = f"the image had {was[1]}×{was[0]} pixels when its annotation began, and has {now[1]}×{now[0]}"
            raise StageError(what, image.name, "give the image as it was, or write to another file")
    given = {image.name for image in images}
    kept = [image for image in tasks.images if image.name not in given]
    return replace(tasks, images=(*images, *kept))
