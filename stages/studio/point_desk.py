"""Messages of the page about asked points: which are asked, their answers, the network's guess, and the preview."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any, Protocol

from models.body.charts import COARSE_OF_CHART
from pipeline.stage import StageError
from stages.studio.answer_preview import answer_preview
from stages.studio.asked_pixels import others_pixels, pixels_to_ask
from stages.studio.desk import Desk, Message
from stages.studio.proposals import ProposedPerson, best_proposal
from stages.studio.views.part_views import SIDE
from stages.studio.views.view_clicks import SurfacePlace, clicked_place, views_of_place
from stages.studio.work.action_messages import action_of
from stages.studio.work.actions import Answer, Ask, Change, Together
from stages.studio.work.part_map import painted_parts
from stages.studio.work.sheet import PersonWork
from stages.studio.work.task_list import hint_shown

Box = tuple[float, float, float, float]


class Proposed(Protocol):
    """The network's people of an image by its name, or the one of a box of it."""

    def __call__(self, name: str, box_4: Box | None = None) -> list[ProposedPerson]:
        """The best first."""


class PointDesk:
    """Answers messages about points. Not for several threads at once."""

    def __init__(self, desk: Desk, proposed: Proposed) -> None:
        """`proposed`: the network's people of an image by its name, or the one of a box of it."""
        self._desk, self._proposed = desk, proposed
        self._boxes: set[tuple[str, Box]] = set()

    def ask(self, message: Message) -> dict[str, Any]:
        """Choose the pixels of a part that are asked: those of another annotator of the person, if there is one.

        Fields: `person`, `part`. Raises: StageError.
        """
        name, wanted, work = self._wanted_part(message)
        if work is None:
            raise StageError(f"there is no person {wanted.person}", "person", "reload the page")
        pixels = self._pixels(message, name, work, wanted.part)
        return self._desk.add(message, name, replace(wanted, pixels=pixels, auto=True))

    def click(self, message: Message) -> dict[str, Any]:
        """Answer a point by a click on a view. Fields: those of the action `answer`, and `click`: x, y in the view;
        `pixel`: x, y of the point that the annotator saw.

        Raises: StageError for a click beside the part, and where another point has the number by now.
        """
        name = self._desk.name(message)
        image = self._desk.image(name)
        given = {key: message.get(key) for key in ("person", "part", "number", "view", "hint")}
        wanted = action_of({"do": "answer", "verdict": "surface", **given}, (image.height, image.width))
        assert isinstance(wanted, Answer)
        if (pixel := message.get("pixel")) is not None:
            work = self._desk.person(message, name, wanted.person)
            points = () if work is None else work.asked.get(wanted.part, ())
            if pixel not in [[one.x, one.y] for one in points[wanted.number : wanted.number + 1]]:
                raise StageError("other points are asked by now", "number", "click the point that blinks")
        at = message.get("click")
        if not isinstance(at, list) or len(at) != 2 or not all(type(one) in (int, float) for one in at):
            raise StageError("is no place in a view", "click", "reload the page")
        if wanted.part == 0 or not all(0 <= one <= SIDE for one in at):
            raise StageError("is outside of the view", "click", "click on the part")
        place = clicked_place(wanted.part, wanted.view, float(at[0]), float(at[1]))
        if place is None:
            raise StageError("there is nothing of the part", "click", "click on the part")
        answer = replace(wanted, chart=place.chart, u=place.u, v=place.v)
        if self._desk.tasks(message).hints == "half":
            answer = replace(answer, guess=self._guessed(name, message, answer))
        return self._desk.add(message, name, answer)

    def guess(self, message: Message) -> dict[str, Any]:
        """Where the network sees the asked points of a part, as places in the views. Fields: `person`, `part`.

        A point that it sees on another part has none, and none has one where hints are not shown for this person.

        Raises: StageError, ModelError.
        """
        name, wanted, work = self._wanted_part(message)
        if hint_shown(self._desk.tasks(message), name, self._desk.annotator(message), wanted.person) is False:
            return {"guesses": []}
        best = None if work is None else self._best(name, work)
        if work is None or best is None:
            return {"guesses": []}
        places = [best.place_at(one.x, one.y) for one in work.asked.get(wanted.part, ())]
        return {"guesses": [_views(wanted.part, place) for place in places]}

    def preview(self, message: Message) -> dict[str, Any]:
        """The lines that the answers of a part draw on the image. Fields: `person`, `part`. Raises: StageError."""
        _, wanted, work = self._wanted_part(message)
        made = None if work is None else answer_preview(work, wanted.part)
        if made is None:
            return {"preview": None}
        return {"preview": {"box": made[0], "png": base64.b64encode(made[1]).decode("ascii")}}

    def propose_box(self, message: Message) -> dict[str, Any]:
        """What the network sees in the box of a person, which somebody drew or corrected. Field: `person`.

        Raises: StageError, ModelError.
        """
        name, work = self._wanted_person(message)
        self._boxes.add((name, work.box_4))
        found = self._proposed(name, work.box_4)
        return {"person": found[0].record() if found else None}

    def look(self, message: Message) -> dict[str, Any]:
        """Let the network look at a person before `propose_points`. Field: `person`. Raises: StageError, ModelError."""
        name, work = self._wanted_person(message)
        self._best(name, work)
        return {}

    def propose_points(self, message: Message) -> dict[str, Any]:
        """The network answers the points of a person that nobody has answered, in one step. Field: `person`.

        Points of painted parts that nobody was asked about are chosen first.

        Raises: StageError where hints are not shown for this person, and where the network sees none of the points.
        """
        name, work = self._wanted_person(message)
        number, who = int(message["person"]), self._desk.annotator(message)
        if hint_shown(self._desk.tasks(message), name, who, number) is False:
            raise StageError("the network's answers are not shown for this person", "person", "answer the points")
        best = self._best(name, work)
        changes: list[Change] = []
        for part in sorted(painted_parts(work.parts)):
            points = [(one.x, one.y) for one in work.asked.get(part, ()) if one.answer is None]
            numbers = [k for k, one in enumerate(work.asked.get(part, ())) if one.answer is None]
            if part not in work.asked:
                points = list(self._pixels(message, name, work, part))
                numbers = list(range(len(points)))
                changes.append(Ask(person=number, part=part, pixels=tuple(points)))
            for index, (x, y) in zip(numbers, points, strict=True):
                place = None if best is None else _place_on(best, part, x, y)
                if place is not None:
                    changes.append(Answer(
                        person=number, part=part, number=index, verdict="surface", chart=place.chart, u=place.u,
                        v=place.v, hint=True, origin="proposed",
                    ))
        if not any(isinstance(one, Answer) for one in changes):
            raise StageError("the network sees no place for these points", "person", "answer them")
        return self._desk.add(message, name, Together(actions=tuple(changes)))

    def _best(self, name: str, work: PersonWork) -> ProposedPerson | None:
        """What the network sees of a person: in their box, where it was asked about it, else of all people."""
        if (name, work.box_4) in self._boxes:
            return next(iter(self._proposed(name, work.box_4)), None)
        return best_proposal(self._proposed(name), work.box_4)

    def _pixels(self, message: Message, name: str, work: PersonWork, part: int) -> tuple[tuple[int, int], ...]:
        """The pixels of a part that are asked: those of another annotator of the person, if there is one."""
        tasks = self._desk.journal.tasks
        pixels = others_pixels(tasks, name, self._desk.annotator(message), work, part)
        return pixels_to_ask(work, part, tasks.image(name)) if pixels is None else pixels

    def _wanted_person(self, message: Message) -> tuple[str, PersonWork]:
        """The image and the work on the person whom a message names. Raises: StageError."""
        name, number = self._desk.name(message), message.get("person")
        work = self._desk.person(message, name, number) if type(number) is int else None
        if work is None:
            raise StageError(f"there is no person {number}", "person", "reload the page")
        return name, work

    def _guessed(self, name: str, message: Message, answer: Answer) -> tuple[int, float, float] | None:
        """Where the network sees the asked point; None where it sees it on another part, or no person."""
        work = self._desk.person(message, name, answer.person)
        best = None if work is None else self._best(name, work)
        points = () if work is None else work.asked.get(answer.part, ())
        if best is None or answer.number >= len(points):
            return None
        place = _place_on(best, answer.part, points[answer.number].x, points[answer.number].y)
        return None if place is None else (place.chart, place.u, place.v)

    def _wanted_part(self, message: Message) -> tuple[str, Ask, PersonWork | None]:
        """The image, the part of a person that a message names, and the work on that person, if there is any."""
        name = self._desk.name(message)
        image = self._desk.image(name)
        fields = {"do": "ask", "person": message.get("person"), "part": message.get("part"), "pixels": [[0, 0]]}
        wanted = action_of(fields, (image.height, image.width))
        assert isinstance(wanted, Ask)
        return name, wanted, self._desk.person(message, name, wanted.person)


def _place_on(seen: ProposedPerson, part: int, x: int, y: int) -> SurfacePlace | None:
    """Where the network sees a pixel; None where that is on another part."""
    place = seen.place_at(x, y)
    return None if place is None or COARSE_OF_CHART[place.chart] != part else place


def _views(part: int, place: SurfacePlace | None) -> list[tuple[int, float, float]]:
    """The views that see a place; none for a place on another part."""
    return [] if place is None or COARSE_OF_CHART[place.chart] != part else views_of_place(part, place)
