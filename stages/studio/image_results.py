"""What the result has of an image: whose sheet, or whose review, and how far it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from stages.studio.work.sheet import AskedPoint, PersonWork, WorkAmount, WorkSheet, amount_of
from stages.studio.work.task_list import History, TaskList, reviewed_sheet

KINDS_LEFT_OUT = ("not_person",)
ResultState = Literal["untouched", "open", "finished", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultPerson:
    """A person of the result.

    Attributes:
        number: the person's number on the annotator's sheet; 0 where a reviewer added the person.
        work: what stands of the person.
        start: the person as the annotator found them; None for a new one.
        about: the result's `dp_annotation`.
    """

    number: int
    work: PersonWork
    start: PersonWork | None
    about: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageResult:
    """What the result has of an image. `untouched`: nobody has done anything to it."""

    state: ResultState
    people: tuple[ResultPerson, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """The work of an annotator on an image that is in no file."""

    image: str
    who: str
    amount: WorkAmount = field(default_factory=lambda: WorkAmount(0, 0, 0, 0))

    def __str__(self) -> str:
        return f"not in the file: {self.image}, {self.who}: {self.amount}"


def image_result(tasks: TaskList, image: str, rank: int) -> ImageResult:
    """The result of one rank of annotators; a finished review takes the place of the first rank."""
    review = reviewed_sheet(tasks, image) if rank == 0 else None
    if review is not None:
        return ImageResult(state="finished", people=tuple(_reviewed_people(tasks, image, *review)))
    ranked = ranked_sheets(tasks, image)[rank : rank + 1]
    if not ranked:
        return ImageResult(state="untouched")
    who, sheet = ranked[0]
    history = tasks.history(image, who)
    if sheet.status == "open" and not history.begun:
        return ImageResult(state="untouched")
    found = history.past[0].people
    people = (
        ResultPerson(number=number, work=work, start=found.get(number), about=_origin_fields(work, who, sheet))
        for number, work in _people_of(sheet)
    )
    return ImageResult(state=sheet.status, people=tuple(people))


def _reviewed_people(tasks: TaskList, image: str, reviewer: str, history: History) -> Iterator[ResultPerson]:
    """The people of a finished review."""
    for _, work in _people_of(history.sheet):
        who, number = work.sources[0] if work.sources else (reviewer, 0)
        theirs = tasks.history(image, who)
        spent = theirs.sheet.people.get(number, work)
        names = "+".join(name for name, _ in work.sources) or reviewer
        about = {
            **_origin_fields(work, names, history.sheet), "seconds": round(spent.seconds, 3),
            "at": round(spent.last_at, 3), "review": _review_fields(work, reviewer, history.sheet),
        }
        yield ResultPerson(number=number, work=work, start=theirs.past[0].people.get(number), about=about)


def _review_fields(work: PersonWork, reviewer: str, sheet: WorkSheet) -> dict[str, Any]:
    """Who reviewed the person, and what became of it."""
    own = [item for item, choice in work.decided.items() if not choice]
    outcome = "corrected" if own else "decided" if work.decided else "accepted"
    return {
        "reviewer": reviewer, "at": round(sheet.finished_at or 0.0, 3), "seconds": round(work.seconds, 3),
        "outcome": outcome if work.sources else "added", "decided": dict(work.decided),
        "sent_back": [{"annotator": one.annotator, "note": one.note, "at": one.at} for one in work.notes],
    }


def _origin_fields(work: PersonWork, who: str, sheet: WorkSheet) -> dict[str, Any]:
    """Who annotated the person, when, in how many seconds, and with what help."""
    answers = [one.answer for one in points_in_order(work) if one.answer]
    verdicts = [one.answer.verdict if one.answer else "open" for one in points_in_order(work)]
    return {
        "annotator": who, "at": round(work.last_at, 3), "seconds": round(work.seconds, 3), "hints": work.hints,
        "finished": sheet.status == "finished", "kind": work.kind, "proposed": sorted(work.proposed),
        "proposed_points": sum(one.origin == "proposed" for one in answers),
        "hidden": verdicts.count("hidden"), "skipped": verdicts.count("skipped"), "open": verdicts.count("open"),
    }


def points_in_order(work: PersonWork) -> Iterator[AskedPoint]:
    """The asked points of a person, part by part."""
    return (one for _, points in sorted(work.asked.items()) for one in points)


def _people_of(sheet: WorkSheet) -> Iterator[tuple[int, PersonWork]]:
    """People with their numbers."""
    if sheet.status == "skipped":
        return iter(())
    return ((key, work) for key, work in sorted(sheet.people.items()) if work.kind not in KINDS_LEFT_OUT)


def ranked_sheets(tasks: TaskList, image: str) -> list[tuple[str, WorkSheet]]:
    """Annotators with their sheets of an image: finished ones by time, then open ones, the latest first.

    Where there are more sheets than places, less work never replaces more: an open sheet comes before a finished one
    that has less than it.
    """
    sheets = [(who, one.sheet) for who, one in tasks.of_image(image).items()]
    finished = [(who, one) for who, one in sheets if one.finished_at is not None]
    unfinished = [(who, one) for who, one in sheets if one.finished_at is None and one.people]
    finished.sort(key=lambda pair: (pair[1].finished_at, pair[0]))
    unfinished.sort(key=lambda pair: (-pair[1].last_at, pair[0]))
    if len(finished) + len(unfinished) <= tasks.copies:
        return finished + unfinished
    for one in list(unfinished):
        amount = amount_of(one[1])
        at = next((k for k, (_, done) in enumerate(finished) if amount_of(done).is_less(amount)), None)
        if at is not None:
            finished.insert(at, one)
            unfinished.remove(one)
    return finished + unfinished


def left_out(tasks: TaskList) -> list[LeftOut]:
    """The work of the journal that is in no file: of more annotators than an image has places."""
    found = []
    for image in tasks.images:
        for who, sheet in () if image.gold else ranked_sheets(tasks, image.name)[tasks.copies :]:
            if tasks.history(image.name, who).begun:
                found.append(LeftOut(image=image.name, who=who, amount=amount_of(sheet)))
    return found
