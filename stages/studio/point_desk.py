"""Messages of the page about asked points: the choice of pixels, answers, the network's guess, and the preview."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any, Protocol

from models.body.charts import COARSE_OF_CHART
from pipeline.stage import StageError
from stages.studio.answer_preview import answer_preview
from stages.studio.asked_pixels import pixels_of_others, pixels_to_ask
from stages.studio.desk import Desk, Message
from stages.studio.proposals import ProposedPerson, best_proposal
from stages.studio.views.part_views import SIDE
from stages.studio.views.view_clicks import ChartPoint, clicked_point, views_of_point
from stages.studio.work.action_messages import action_of
from stages.studio.work.actions import Answer, Ask, Change, ChangeGroup
from stages.studio.work.part_map import painted_parts
from stages.studio.work.sheet import PersonWork
from stages.studio.work.task_list import has_hint

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels."""


class Proposed(Protocol):
    """Gives the people that the network finds in an image, or in a box of it."""

    def __call__(self, name: str, box_4: Box | None = None) -> list[ProposedPerson]:
        """The people of the named image, best score first."""


class PointDesk:
    """Answers messages about points. Used by one thread at a time."""

    def __init__(self, desk: Desk, proposed: Proposed) -> None:
        """`proposed`: gives the network's people."""
        self._desk, self._proposed = desk, proposed
        self._boxes: set[tuple[str, Box]] = set()

    def ask(self, message: Message) -> dict[str, Any]:
        """Choose the pixels of a part for which the annotator is asked: those of another annotator, if there is one.

        Fields: `person`, `part`. Raises: StageError.
        """
        name, wanted, work = self._wanted_part(message)
        if work is None:
            raise StageError(f"there is no person {wanted.person}", "person", "reload the page")
        pixels = self._pixels(message, name, work, wanted.part)
        return self._desk.add(message, name, replace(wanted, pixels=pixels, auto=True))

    def click(self, message: Message) -> dict[str, Any]:
        """Answer a point by a click on a view.

        Fields: those of the action `answer`; `click`: x, y in the view; `pixel`: x, y of the point that the page shows.

        Raises: StageError for a click beside the part, and where the number now belongs to another point.
        """
        name = self._desk.name(message)
        image = self._desk.image(name)
        given = {key: message.get(key) for key in ("person", "part", "number", "view", "hint")}
        wanted = action_of({"do": "answer", "verdict": "surface", **given}, (image.height, image.width))
        assert isinstance(wanted, Answer)
        if (pixel := message.get("pixel")) is not None:
            work = self._desk.person(message, name, wanted.person)
            points = () if work is None else work.asked.get(wanted.part, ())
            if pixel not in [[point.x, point.y] for point in points[wanted.number : wanted.number + 1]]:
                raise StageError("other points are asked by now", "number", "click the point that blinks")
        click = message.get("click")
        if not isinstance(click, list) or len(click) != 2 or not all(type(at) in (int, float) for at in click):
            raise StageError("is no pixel of a view", "click", "reload the page")
        if wanted.part == 0 or not all(0 <= at <= SIDE for at in click):
            raise StageError("is outside of the view", "click", "click on the part")
        point = clicked_point(wanted.part, wanted.view, float(click[0]), float(click[1]))
        if point is None:
            raise StageError("is beside the part", "click", "click on the part")
        answer = replace(wanted, chart=point.chart, u=point.u, v=point.v)
        if self._desk.tasks(message).hints == "half":
            answer = replace(answer, guess=self._guessed(name, message, answer))
        return self._desk.add(message, name, answer)

    def guess(self, message: Message) -> dict[str, Any]:
        """The network's guess for each asked point of a part, as pixels of the views. Fields: `person`, `part`.

        A point that the network finds on another part has no pixels. Without hints for this person the list is empty.

        Raises: StageError, ModelError.
        """
        name, wanted, work = self._wanted_part(message)
        if has_hint(self._desk.tasks(message), name, self._desk.annotator(message), wanted.person) is False:
            return {"guesses": []}
        best = None if work is None else self._best(name, work)
        if work is None or best is None:
            return {"guesses": []}
        guesses = [best.point_at(asked.x, asked.y) for asked in work.asked.get(wanted.part, ())]
        return {"guesses": [_views(wanted.part, guess) for guess in guesses]}

    def preview(self, message: Message) -> dict[str, Any]:
        """The preview of a part (`answer_preview`). Fields: `person`, `part`. Raises: StageError."""
        _, wanted, work = self._wanted_part(message)
        made = None if work is None else answer_preview(work, wanted.part)
        if made is None:
            return {"preview": None}
        return {"preview": {"box": made[0], "png": base64.b64encode(made[1]).decode("ascii")}}

    def propose_box(self, message: Message) -> dict[str, Any]:
        """The network's proposal for a person inside their current box. Field: `person`.

        Raises: StageError, ModelError.
        """
        name, work = self._wanted_person(message)
        self._boxes.add((name, work.box_4))
        found = self._proposed(name, work.box_4)
        return {"person": found[0].record() if found else None}

    def look(self, message: Message) -> dict[str, Any]:
        """Run the network on a person, for `propose_points`. Field: `person`. Raises: StageError, ModelError."""
        name, work = self._wanted_person(message)
        self._best(name, work)
        return {}

    def propose_points(self, message: Message) -> dict[str, Any]:
        """Answer the open points of a person by the network, in one step. Field: `person`.

        Points are first chosen on painted parts that have none.

        Raises: StageError where hints are not shown for this person, and where the network finds none of the points.
        """
        name, work = self._wanted_person(message)
        number, annotator = int(message["person"]), self._desk.annotator(message)
        if has_hint(self._desk.tasks(message), name, annotator, number) is False:
            raise StageError("the network's answers are not shown for this person", "person", "answer the points")
        best = self._best(name, work)
        changes: list[Change] = []
        for part in sorted(painted_parts(work.parts)):
            points = [(point.x, point.y) for point in work.asked.get(part, ()) if point.answer is None]
            numbers = [k for k, point in enumerate(work.asked.get(part, ())) if point.answer is None]
            if part not in work.asked:
                points = list(self._pixels(message, name, work, part))
                numbers = list(range(len(points)))
                changes.append(Ask(person=number, part=part, pixels=tuple(points)))
            for index, (x, y) in zip(numbers, points, strict=True):
                guess = None if best is None else _guess_on(best, part, x, y)
                if guess is not None:
                    changes.append(Answer(
                        person=number, part=part, number=index, verdict="surface", chart=guess.chart, u=guess.u,
                        v=guess.v, hint=True, origin="proposed",
                    ))
        if not any(isinstance(change, Answer) for change in changes):
            raise StageError("the network finds none of these points", "person", "answer them")
        return self._desk.add(message, name, ChangeGroup(actions=tuple(changes)))

    def _best(self, name: str, work: PersonWork) -> ProposedPerson | None:
        """The network's proposal for a person: inside their box after `propose_box`, else the best of the image."""
        if (name, work.box_4) in self._boxes:
            return next(iter(self._proposed(name, work.box_4)), None)
        return best_proposal(self._proposed(name), work.box_4)

    def _pixels(self, message: Message, name: str, work: PersonWork, part: int) -> tuple[tuple[int, int], ...]:
        """The pixels of a part to ask for: those of another annotator of the person, if there is one."""
        tasks = self._desk.journal.tasks
        pixels = pixels_of_others(tasks, name, self._desk.annotator(message), work, part)
        return pixels_to_ask(work, part, tasks.image(name)) if pixels is None else pixels

    def _wanted_person(self, message: Message) -> tuple[str, PersonWork]:
        """The image of a message, and the work on its person. Raises: StageError."""
        name, number = self._desk.name(message), message.get("person")
        work = self._desk.person(message, name, number) if type(number) is int else None
        if work is None:
            raise StageError(f"there is no person {number}", "person", "reload the page")
        return name, work

    def _guessed(self, name: str, message: Message, answer: Answer) -> tuple[int, float, float] | None:
        """The network's guess for the point of an answer; None where it finds another part, or no person."""
        work = self._desk.person(message, name, answer.person)
        best = None if work is None else self._best(name, work)
        points = () if work is None else work.asked.get(answer.part, ())
        if best is None or answer.number >= len(points):
            return None
        guess = _guess_on(best, answer.part, points[answer.number].x, points[answer.number].y)
        return None if guess is None else (guess.chart, guess.u, guess.v)

    def _wanted_part(self, message: Message) -> tuple[str, Ask, PersonWork | None]:
        """The image of a message, its person and part as `Ask`, and the work on the person, if there is any."""
        name = self._desk.name(message)
        image = self._desk.image(name)
        fields = {"do": "ask", "person": message.get("person"), "part": message.get("part"), "pixels": [[0, 0]]}
        wanted = action_of(fields, (image.height, image.width))
        assert isinstance(wanted, Ask)
        return name, wanted, self._desk.person(message, name, wanted.person)


def _guess_on(proposal: ProposedPerson, part: int, x: int, y: int) -> ChartPoint | None:
    """The network's point of the surface at a pixel; None where it is on another part."""
    point = proposal.point_at(x, y)
    return None if point is None or COARSE_OF_CHART[point.chart] != part else point


def _views(part: int, point: ChartPoint | None) -> list[tuple[int, float, float]]:
    """The pixels of the views that show a point (view, x, y); none for a point on another part."""
    return [] if point is None or COARSE_OF_CHART[point.chart] != part else views_of_point(part, point)
