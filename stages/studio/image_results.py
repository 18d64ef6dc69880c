"""The result of an image: the sheet of one annotator, or the review, and whether it is finished."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from stages.studio.work.sheet import AskedPoint, PersonWork, WorkAmount, WorkSheet, amount_of
from stages.studio.work.task_list import TaskList, reviewed_sheet
from stages.studio.work.undo_history import History

KINDS_LEFT_OUT = ("not_person",)
"""Boxes of these kinds are not in the result."""
ResultState = Literal["untouched", "open", "finished", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultPerson:
    """A person of the result.

    Attributes:
        number: of the person on the annotator's sheet; 0 for a person that a reviewer added.
        work: the final annotation.
        start: the annotation with which the annotator began; None for a new person.
        about: the record's `dp_annotation`: annotator, times, review.
    """

    number: int
    work: PersonWork
    start: PersonWork | None
    about: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageResult:
    """The people of an image. State `untouched`: no annotator has changed anything."""

    state: ResultState
    people: tuple[ResultPerson, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Work of an annotator that no result file has, because enough others annotated the image."""

    image: str
    annotator: str
    amount: WorkAmount = field(default_factory=lambda: WorkAmount(0, 0, 0, 0))

    def __str__(self) -> str:
        return f"not in the file: {self.image}, {self.annotator}: {self.amount}"


def image_result(tasks: TaskList, image: str, rank: int) -> ImageResult:
    """The result of an image by one rank of annotators.

    Args:
        rank: index in `ranked_sheets`; a finished review replaces rank 0.
    """
    review = reviewed_sheet(tasks, image) if rank == 0 else None
    if review is not None:
        return ImageResult(state="finished", people=tuple(_reviewed_people(tasks, image, *review)))
    ranked = ranked_sheets(tasks, image)[rank : rank + 1]
    if not ranked:
        return ImageResult(state="untouched")
    annotator, sheet = ranked[0]
    history = tasks.history(image, annotator)
    if sheet.status == "open" and not history.begun:
        return ImageResult(state="untouched")
    found = history.past[0].people
    people = (
        ResultPerson(number=number, work=work, start=found.get(number), about=_origin_fields(work, annotator, sheet))
        for number, work in _people_of(sheet)
    )
    return ImageResult(state=sheet.status, people=tuple(people))


def _reviewed_people(tasks: TaskList, image: str, reviewer: str, history: History) -> Iterator[ResultPerson]:
    """The people of a finished review."""
    for _, work in _people_of(history.sheet):
        annotator, number = work.sources[0] if work.sources else (reviewer, 0)
        annotated = tasks.history(image, annotator)
        spent = annotated.sheet.people.get(number, work)
        names = "+".join(name for name, _ in work.sources) or reviewer
        about = {
            **_origin_fields(work, names, history.sheet), "seconds": round(spent.seconds, 3),
            "at": round(spent.last_at, 3), "review": _review_fields(work, reviewer, history.sheet),
        }
        yield ResultPerson(number=number, work=work, start=annotated.past[0].people.get(number), about=about)


def _review_fields(work: PersonWork, reviewer: str, sheet: WorkSheet) -> dict[str, Any]:
    """The field `review` of a record: reviewer, time, and outcome."""
    corrected = [item for item, choice in work.decided.items() if not choice]
    outcome = "corrected" if corrected else "decided" if work.decided else "accepted"
    return {
        "reviewer": reviewer, "at": round(sheet.finished_at or 0.0, 3), "seconds": round(work.seconds, 3),
        "outcome": outcome if work.sources else "added", "decided": dict(work.decided),
        "sent_back": [{"annotator": note.annotator, "note": note.note, "at": note.at} for note in work.notes],
    }


def _origin_fields(work: PersonWork, annotator: str, sheet: WorkSheet) -> dict[str, Any]:
    """The fields of `dp_annotation`: annotator, time, seconds of work, and use of the network's proposals."""
    answers = [point.answer for point in points_in_order(work) if point.answer]
    verdicts = [point.answer.verdict if point.answer else "open" for point in points_in_order(work)]
    return {
        "annotator": annotator, "at": round(work.last_at, 3), "seconds": round(work.seconds, 3), "hints": work.hints,
        "finished": sheet.status == "finished", "kind": work.kind, "proposed": sorted(work.proposed),
        "proposed_points": sum(answer.origin == "proposed" for answer in answers),
        "hidden": verdicts.count("hidden"), "skipped": verdicts.count("skipped"), "open": verdicts.count("open"),
    }


def points_in_order(work: PersonWork) -> Iterator[AskedPoint]:
    """The asked points of a person, part by part."""
    return (point for _, points in sorted(work.asked.items()) for point in points)


def _people_of(sheet: WorkSheet) -> Iterator[tuple[int, PersonWork]]:
    """The people of the result with their numbers."""
    if sheet.status == "skipped":
        return iter(())
    return ((key, work) for key, work in sorted(sheet.people.items()) if work.kind not in KINDS_LEFT_OUT)


def ranked_sheets(tasks: TaskList, image: str) -> list[tuple[str, WorkSheet]]:
    """Annotators with their sheets of an image: finished ones by time, then open ones, the latest first.

    Where an image has more sheets than `copies`, an open sheet comes before a finished one with less work, so that
    less work never replaces more.
    """
    sheets = [(annotator, history.sheet) for annotator, history in tasks.of_image(image).items()]
    finished = [(annotator, sheet) for annotator, sheet in sheets if sheet.finished_at is not None]
    unfinished = [(annotator, sheet) for annotator, sheet in sheets if sheet.finished_at is None and sheet.people]
    finished.sort(key=lambda pair: (pair[1].finished_at, pair[0]))
    unfinished.sort(key=lambda pair: (-pair[1].last_at, pair[0]))
    if len(finished) + len(unfinished) <= tasks.copies:
        return finished + unfinished
    for candidate in list(unfinished):
        amount = amount_of(candidate[1])
        row = next((k for k, (_, done) in enumerate(finished) if amount_of(done).is_less(amount)), None)
        if row is not None:
            finished.insert(row, candidate)
            unfinished.remove(candidate)
    return finished + unfinished


def left_out(tasks: TaskList) -> list[LeftOut]:
    """The work that no result file has: of further annotators, where an image has more than `copies`."""
    found = []
    for image in tasks.images:
        for annotator, sheet in () if image.gold else ranked_sheets(tasks, image.name)[tasks.copies :]:
            if tasks.history(image.name, annotator).begun:
                found.append(LeftOut(image=image.name, annotator=annotator, amount=amount_of(sheet)))
    return found
