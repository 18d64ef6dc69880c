"""Reads answers from a studio's journal: answers on gold items, and answers with the network's guess."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.arrays import Float, Int
from models.body.charts import COARSE_OF_CHART
from stages.evaluation.annotators.annotator_scores import AnsweredPerson
from stages.studio.gold_items import gold_folder, gold_truth
from stages.studio.work.sheet import PersonWork
from stages.studio.work.task_list import TaskList

Point = tuple[int, float, float]
"""Chart, U, V of a point of the surface."""
TRUTH = "truth"
"""The annotator's name in the truth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuessedAnswers:
    """M answers with the network's guess on the same part.

    Attributes:
        people: who have such answers.
        person_M: index of each answer's person.
        answer_M3, guess_M3: points of the surface, each chart, U and V.
    """

    people: tuple[AnsweredPerson, ...]
    person_M: Int
    answer_M3: Float
    guess_M3: Float


def gold_answers(tasks: TaskList, output: Path) -> tuple[list[AnsweredPerson], list[AnsweredPerson]]:
    """All answers on gold items, and the truth at their pixels.

    An answer counts if its pixel is truly on the asked part; at other pixels no answer is right.

    Raises: StageError for a missing or damaged truth.
    """
    people, truth = [], []
    for annotator, image, work in _worked_people(tasks, gold=True):
        label_HW, uv_2HW = gold_truth(gold_folder(output), image)
        found, true, off_part = [], [], 0
        for part, x, y, point, _ in _answers(work):
            chart = int(label_HW[y, x])
            if chart == 0 or COARSE_OF_CHART[chart] != part:
                off_part += 1
                continue
            u, v = np.clip(uv_2HW[:, y, x], 0, 1).tolist()
            found.append((x, y, point))
            true.append((x, y, (chart, u, v)))
        people.append(_person(annotator, image, work, found, off_part))
        truth.append(_person(TRUTH, image, work, true, 0))
    return people, truth


def guessed_answers(tasks: TaskList) -> GuessedAnswers:
    """All answers for which the journal has the network's guess."""
    people: list[AnsweredPerson] = []
    rows: list[tuple[int, Point, Point]] = []
    for annotator, image, work in _worked_people(tasks, gold=False):
        guessed = [(x, y, point, guess) for _, x, y, point, guess in _answers(work) if guess is not None]
        rows += [(len(people), point, guess) for _, _, point, guess in guessed]
        if guessed:
            people.append(_person(annotator, image, work, [(x, y, point) for x, y, point, _ in guessed], 0))
    ends_M23 = np.array([(point, guess) for _, point, guess in rows], np.float64).reshape(-1, 2, 3)
    return GuessedAnswers(
        people=tuple(people), person_M=np.array([p for p, _, _ in rows], np.int64),
        answer_M3=ends_M23[:, 0], guess_M3=ends_M23[:, 1],
    )


def _worked_people(tasks: TaskList, *, gold: bool) -> Iterator[tuple[str, str, PersonWork]]:
    """Annotator, image and work on each person; with `gold`, on gold items only."""
    hidden = {image.name for image in tasks.images if image.gold}
    for image, histories in tasks.histories.items():
        for annotator, history in histories.items():
            if history.sheet.status != "skipped" and (image in hidden or not gold):
                people = history.sheet.people.values()
                yield from ((annotator, image, work) for work in people if work.kind == "person")


def _answers(work: PersonWork) -> Iterator[tuple[int, int, int, Point, Point | None]]:
    """Part, x, y, answer and the network's guess of each asked point that is answered by a point of the surface."""
    for part, points in sorted(work.asked.items()):
        for asked in points:
            answer = asked.answer
            if answer is not None and answer.verdict == "surface":
                yield part, asked.x, asked.y, (answer.chart, answer.u, answer.v), answer.guess


def _person(
    annotator: str, image: str, work: PersonWork, rows: list[tuple[int, int, Point]], off_part: int
) -> AnsweredPerson:
    verdicts = [point.answer.verdict for points in work.asked.values() for point in points if point.answer is not None]
    point_M3: Float = np.array([point for _, _, point in rows], np.float64).reshape(-1, 3)
    return AnsweredPerson(
        annotator=annotator, image=image, pixels=tuple((image, x, y) for x, y, _ in rows),
        chart_M=point_M3[:, 0].astype(np.int64), u_M=point_M3[:, 1], v_M=point_M3[:, 2], seconds=work.seconds,
        hidden=verdicts.count("hidden"), skipped=verdicts.count("skipped"), off_part=off_part, at=work.last_at,
        hint=work.hints,
    )
