"""Messages of the page about asked points: which are asked, their answers, the network's guess, and the preview."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from models.body.charts import COARSE_OF_CHART
from pipeline.stage import StageError
from stages.studio.answer_preview import answer_preview
from stages.studio.asked_pixels import others_pixels, pixels_to_ask
from stages.studio.desk import Desk, Message
from stages.studio.proposals import ProposedPerson, best_proposal
from stages.studio.views.part_views import SIDE
from stages.studio.views.view_clicks import SurfacePlace, clicked_place, views_of_place
from stages.studio.work.action_messages import action_of
from stages.studio.work.actions import Answer, Ask
from stages.studio.work.sheet import PersonWork
from stages.studio.work.task_list import hint_shown


class PointDesk:
    """Answers messages about points. Not for several threads at once."""

    def __init__(self, desk: Desk, proposed: Callable[[str], list[ProposedPerson]]) -> None:
        """`proposed`: the network's people of an image, by its name."""
        self._desk, self._proposed = desk, proposed

    def ask(self, message: Message) -> dict[str, Any]:
        """Choose the pixels of a part that are asked: those of another annotator of the person, if there is one.

        Fields: `person`, `part`. Raises: StageError.
        """
        name, wanted, work = self._wanted_part(message)
        if work is None:
            raise StageError(f"there is no person {wanted.person}", "person", "reload the page")
        tasks = self._desk.tasks(message)
        pixels = others_pixels(self._desk.journal.tasks, name, self._desk.annotator(message), work, wanted.part)
        if pixels is None:
            pixels = pixels_to_ask(work, wanted.part, tasks.image(name))
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
        people = self._proposed(name)
        best = None if work is None else best_proposal(people, work.box_4)
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

    def _guessed(self, name: str, message: Message, answer: Answer) -> tuple[int, float, float] | None:
        """Where the network sees the asked point; None where it sees it on another part, or no person."""
        work = self._desk.person(message, name, answer.person)
        best = None if work is None else best_proposal(self._proposed(name), work.box_4)
        points = () if work is None else work.asked.get(answer.part, ())
        if best is None or answer.number >= len(points):
            return None
        place = best.place_at(points[answer.number].x, points[answer.number].y)
        if place is None or COARSE_OF_CHART[place.chart] != answer.part:
            return None
        return place.chart, place.u, place.v

    def _wanted_part(self, message: Message) -> tuple[str, Ask, PersonWork | None]:
        """The image, the part of a person that a message names, and the work on that person, if there is any."""
        name = self._desk.name(message)
        image = self._desk.image(name)
        fields = {"do": "ask", "person": message.get("person"), "part": message.get("part"), "pixels": [[0, 0]]}
        wanted = action_of(fields, (image.height, image.width))
        assert isinstance(wanted, Ask)
        return name, wanted, self._desk.person(message, name, wanted.person)


def _views(part: int, place: SurfacePlace | None) -> list[tuple[int, float, float]]:
    """The views that see a place; none for a place on another part."""
    return [] if place is None or COARSE_OF_CHART[place.chart] != part else views_of_place(part, place)
