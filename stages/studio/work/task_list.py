"""The task list of a studio: images, every annotator's sheets with their past, and who works on what now."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from pipeline.stage import StageError
from stages.studio.work.actions import Action, Ask, HandOn, SendBack, Start
from stages.studio.work.sheet import WorkSheet, after_action

CLAIM_S = 300.0
"""An opened image is locked for so long after its annotator's last action; one that has work stays theirs."""
IDLE_S = 60.0
"""A longer pause between two actions is idle time and is not counted."""

Step = Literal["undo", "redo"]
HintRule = Literal["choice", "half"]
"""Who decides whether the network's guess is shown: the annotator, or chance."""
ImageState = Literal["open", "begun", "finished", "skipped", "taken", "returned", "reviewed"]
"""An image as an annotator sees it in the list; `taken`: others have all places of it; `returned`: a reviewer gave it
back to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskImage:
    """An image to annotate. `name` is unique in the list; `height`, `width` in pixels.

    `gold`: an image whose truth is known. It measures annotators, and never enters the result.
    """

    name: str
    height: int
    width: int
    gold: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkEntry:
    """Something that an annotator did.

    Attributes:
        who: the annotator's name.
        image: the image's name.
        at: seconds since 1970.
        seconds: active time since the annotator's action before.
        do: the action, or a step through the past, how the sheet starts, or that it is handed on.
        review: whether it is done to the reviewer's sheet.
        key: of the page's message; one that is sent again has the same.
    """

    who: str
    image: str
    at: float
    seconds: float
    do: Action | Step | Start | HandOn
    review: bool = False
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The sheets of one annotator on one image after each action that remains, the empty one first.

    Attributes:
        undone: the sheets that `redo` returns to, the next one last.
        handed_on: the image was given to others, and the annotator has not gone on since.
        key: of the page's message that was carried out last.
    """

    past: tuple[WorkSheet, ...] = (WorkSheet(),)
    undone: tuple[WorkSheet, ...] = ()
    handed_on: bool = False
    key: str = ""

    @property
    def sheet(self) -> WorkSheet:
        """The sheet now."""
        return self.past[-1]

    @property
    def begun(self) -> bool:
        """Whether the annotator has done something that remains."""
        return len(self.past) > 1

    @property
    def held(self) -> bool:
        """Whether the image stays the annotator's, however long they pause."""
        return self.begun and self.sheet.status == "open" and not self.handed_on


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An annotator has an image until `until`, seconds since 1970."""

    who: str
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskList:
    """All that is known of the work.

    Attributes:
        images: in the order in which they are given out.
        copies: how many annotators each image is given to.
        hints: who decides whether the network's guess is shown.
        histories: by image, then by annotator.
        claims: by image and annotator's name; several only where `copies` allows it.
        last_at: time of each annotator's last action.
        reviews: the same of the reviewers; None before the first.
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
        found = next((one for one in self.images if one.name == name), None)
        if found is None:
            raise StageError("the image is not in the task list", name, "reload the page")
        return found

    def sheet(self, image: str, who: str) -> WorkSheet:
        """An annotator's sheet of an image; empty before the first action."""
        return self.history(image, who).sheet

    def history(self, image: str, who: str) -> History:
        """An annotator's sheets of an image; the empty one before the first action."""
        return self.of_image(image).get(who) or History()

    def of_image(self, image: str) -> Mapping[str, History]:
        """The histories of all annotators of an image."""
        return self.histories.get(image, {})


def hint_shown(tasks: TaskList, image: str, who: str, person: int) -> bool | None:
    """Whether an annotator sees the network's guess for a person of an image; None = they choose.

    By the rule `half` it is a fair coin, whose seed are the three names: the same again after a restart.
    """
    if tasks.hints == "choice":
        return None
    return bool(hashlib.sha256(f"{image}\n{who}\n{person}".encode()).digest()[0] & 1)


def after_entry(tasks: TaskList, entry: WorkEntry) -> TaskList:
    """The task list after an entry; the annotator's claim is renewed, and ends where the image is handed on.

    An undo without a past, and a redo without a future, change no sheet.

    Raises: StageError as `after_action`, and for an image that is not in the list.
    """
    tasks.image(entry.image)
    if entry.review:
        return replace(tasks, reviews=after_entry(reviews_of(tasks), replace(entry, review=False)))
    mine = tasks.of_image(entry.image)
    history = replace(_stepped(mine.get(entry.who) or History(), entry), key=entry.key)
    others = tuple(_others(tasks, entry.image, entry.who, entry.at))
    changed = replace(tasks, histories={**tasks.histories, entry.image: {**mine, entry.who: history}})
    if isinstance(entry.do, HandOn):
        return replace(changed, claims={**tasks.claims, entry.image: others})
    claim = Claim(who=entry.who, until=entry.at + CLAIM_S)
    claims = {**tasks.claims, entry.image: (*others, claim)}
    return replace(changed, claims=claims, last_at={**tasks.last_at, entry.who: entry.at})


def reviews_of(tasks: TaskList) -> TaskList:
    """The reviewers' work on the same images: each image has one reviewer."""
    if tasks.reviews is not None and tasks.reviews.images is tasks.images:
        return tasks.reviews
    return replace(tasks.reviews or TaskList(images=()), images=tasks.images)


def reviewed_sheet(tasks: TaskList, image: str) -> tuple[str, History] | None:
    """The reviewer of an image and their finished sheet; None where the review is not finished."""
    if tasks.reviews is None:
        return None
    found = reviews_of(tasks).of_image(image).items()
    done = ((who, one) for who, one in found if one.sheet.status == "finished")
    return min(done, key=lambda pair: (pair[1].sheet.finished_at or 0, pair[0]), default=None)


def open_notes(tasks: TaskList, image: str, who: str | None = None) -> list[tuple[str, int, SendBack]]:
    """Reviewer, number of the annotator's person, and note of what was given back and not finished again since.

    `who`: the annotator; None = all.
    """
    if tasks.reviews is None:
        return []
    found = []
    for reviewer, history in reviews_of(tasks).of_image(image).items():
        for work in history.sheet.people.values():
            for note in work.notes:
                finished_at = tasks.sheet(image, note.annotator).finished_at
                if who in (None, note.annotator) and (finished_at is None or finished_at <= note.at):
                    found.append((reviewer, dict(work.sources).get(note.annotator, 0), note))
    return found


def _stepped(history: History, entry: WorkEntry) -> History:
    if isinstance(entry.do, HandOn):
        return replace(history, handed_on=True)
    if entry.do == "undo":
        if len(history.past) == 1:
            return history
        return History(past=history.past[:-1], undone=(*history.undone, history.past[-1]))
    if entry.do == "redo":
        if not history.undone:
            return history
        return History(past=(*history.past, history.undone[-1]), undone=history.undone[:-1])
    if isinstance(entry.do, Start):
        sheet = WorkSheet()
        for action in entry.do.actions:
            sheet = after_action(sheet, action, entry.at, 0.0)
        return History(past=(sheet,))
    sheet = after_action(history.sheet, entry.do, entry.at, entry.seconds)
    if isinstance(entry.do, Ask) and entry.do.auto:
        return replace(history, past=(*history.past[:-1], sheet))
    return History(past=(*history.past, sheet))


def active_seconds(tasks: TaskList, who: str, now: float) -> float:
    """Time since the annotator's last action; 0 after a pause of more than `IDLE_S`, and before the first action."""
    passed = now - tasks.last_at.get(who, now)
    return passed if 0 <= passed <= IDLE_S else 0.0


def _others(tasks: TaskList, image: str, who: str, now: float) -> Iterator[Claim]:
    """Claims of other annotators that have not expired."""
    return (claim for claim in tasks.claims.get(image, ()) if claim.who != who and claim.until > now)


def is_open_to(tasks: TaskList, image: str, who: str, now: float) -> bool:
    """Whether an annotator may work on an image now.

    Each of the `copies` places of an image is taken by a finished sheet, by one that is begun and not handed on, or by
    an annotator who has claimed it. Sheets are never shared: who comes later begins an own one.
    """
    taken = {name for name, one in tasks.of_image(image).items() if one.held or one.sheet.status != "open"}
    taken |= {claim.who for claim in _others(tasks, image, who, now)}
    return len(taken - {who}) < tasks.copies


def finished_by(tasks: TaskList, image: str) -> Iterator[str]:
    """The annotators who have finished an image."""
    return (who for who, one in tasks.of_image(image).items() if one.sheet.status != "open")


def claimed(tasks: TaskList, image: str, who: str, now: float) -> TaskList:
    """The list after an annotator has opened an image.

    Raises: StageError while others have all places of the image, and for one whose review is finished.
    """
    tasks.image(image)
    if reviewed_sheet(tasks, image) is not None:
        raise StageError("the review of this image is finished", "image", "take another one")
    if not is_open_to(tasks, image, who, now):
        raise StageError("another annotator has this image", "image", "take another one")
    others = tuple(_others(tasks, image, who, now))
    return replace(tasks, claims={**tasks.claims, image: (*others, Claim(who=who, until=now + CLAIM_S))})


def released(tasks: TaskList, who: str) -> TaskList:
    """The list after an annotator has left: none of the images is theirs."""
    left = {image: tuple(one for one in claims if one.who != who) for image, claims in tasks.claims.items()}
    return replace(tasks, claims={image: claims for image, claims in left.items() if claims})


def next_image(tasks: TaskList, who: str, now: float) -> str | None:
    """The image to give to an annotator: one that they began, or that was given back to them, else the first that is
    open to them; None if none is. One that was handed on does not come back unasked."""
    waiting = [
        one.name for one in tasks.images if image_state(tasks, one.name, who, now) in ("open", "begun", "returned")
        and not tasks.history(one.name, who).handed_on
    ]
    begun = [name for name in waiting if who in tasks.of_image(name)]
    return next(iter([*begun, *waiting]), None)


def image_state(tasks: TaskList, image: str, who: str, now: float) -> ImageState:
    """What an image is to an annotator: their own work first, then whether there is a place for them."""
    mine = tasks.sheet(image, who)
    if reviewed_sheet(tasks, image) is not None:
        return "reviewed"
    if open_notes(tasks, image, who):
        return "returned"
    if mine.status != "open":
        return mine.status
    if not is_open_to(tasks, image, who, now):
        return "taken"
    return "begun" if mine.people else "open"


def with_images(tasks: TaskList, images: Sequence[TaskImage]) -> TaskList:
    """The list with these images, and with all work. Raises: StageError for an image whose size has changed."""
    sizes = {one.name: (one.height, one.width) for one in tasks.images}
    for one in images:
        if sizes.get(one.name, (one.height, one.width)) != (one.height, one.width):
            was, now = sizes[one.name], (one.height, one.width)
            what = f"the image had {was[1]}×{was[0]} pixels when its annotation began, and has {now[1]}×{now[0]}"
            raise StageError(what, one.name, "give the image as it was, or write to another file")
    given = {one.name for one in images}
    kept = [one for one in tasks.images if one.name not in given]
    return replace(tasks, images=(*images, *kept))
