"""What a studio's journal says of its annotators: answers on hidden gold items, and beside the network's guess."""

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

Place = tuple[int, float, float]
"""Chart, U, V."""
TRUTH = "truth"
"""Stands for the annotator of true places."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuessedAnswers:
    """Answers where the network had a guess on the same part; M of them.

    Attributes:
        people: those who have such answers.
        person_M: index of each answer's person.
        answer_M3, guess_M3: the places, each chart, U and V.
    """

    people: tuple[AnsweredPerson, ...]
    person_M: Int
    answer_M3: Float
    guess_M3: Float


def gold_answers(tasks: TaskList, output: Path) -> tuple[list[AnsweredPerson], list[AnsweredPerson]]:
    """All answers on hidden gold items, and the truth at their pixels.

    An answer counts where its pixel is on the asked part in truth; what is painted elsewhere has no right answer.

    Raises: StageError for a missing or damaged truth.
    """
    people, truth = [], []
    for who, image, work in _worked_people(tasks, gold=True):
        label_HW, uv_2HW = gold_truth(gold_folder(output), image)
        found, true, off_part = [], [], 0
        for part, x, y, place, _ in _answers(work):
            chart = int(label_HW[y, x])
            if chart == 0 or COARSE_OF_CHART[chart] != part:
                off_part += 1
                continue
            u, v = np.clip(uv_2HW[:, y, x], 0, 1).tolist()
            found.append((x, y, place))
            true.append((x, y, (chart, u, v)))
        people.append(_person(who, image, work, found, off_part))
        truth.append(_person(TRUTH, image, work, true, 0))
    return people, truth


def guessed_answers(tasks: TaskList) -> GuessedAnswers:
    """All answers beside which the journal names the network's guess."""
    people: list[AnsweredPerson] = []
    rows: list[tuple[int, Place, Place]] = []
    for who, image, work in _worked_people(tasks, gold=False):
        mine = [(x, y, place, guess) for _, x, y, place, guess in _answers(work) if guess is not None]
        rows += [(len(people), place, guess) for _, _, place, guess in mine]
        if mine:
            people.append(_person(who, image, work, [(x, y, place) for x, y, place, _ in mine], 0))
    ends_M23 = np.array([(place, guess) for _, place, guess in rows], np.float64).reshape(-1, 2, 3)
    return GuessedAnswers(
        people=tuple(people), person_M=np.array([p for p, _, _ in rows], np.int64),
        answer_M3=ends_M23[:, 0], guess_M3=ends_M23[:, 1],
    )


def _worked_people(tasks: TaskList, *, gold: bool) -> Iterator[tuple[str, str, PersonWork]]:
    """Annotator, image and work on each person; with `gold`, of hidden images alone."""
    hidden = {one.name for one in tasks.images if one.gold}
    found = [(image, *one) for image, histories in tasks.histories.items() for one in histories.items()]
    for image, who, history in found:
        if history.sheet.status != "skipped" and (image in hidden or not gold):
            for work in history.sheet.people.values():
                if work.kind == "person":
                    yield who, image, work


def _answers(work: PersonWork) -> Iterator[tuple[int, int, int, Place, Place | None]]:
    """Part, x, y, place and the network's guess of each point with a place on the surface."""
    for part, points in sorted(work.asked.items()):
        for one in points:
            if one.answer is not None and one.answer.verdict == "surface":
                yield part, one.x, one.y, (one.answer.chart, one.answer.u, one.answer.v), one.answer.guess


def _person(
    who: str, image: str, work: PersonWork, rows: list[tuple[int, int, Place]], off_part: int
) -> AnsweredPerson:
    verdicts = [one.answer.verdict for points in work.asked.values() for one in points if one.answer is not None]
    place_M3: Float = np.array([place for _, _, place in rows], np.float64).reshape(-1, 3)
    return AnsweredPerson(
        annotator=who, image=image, pixels=tuple((image, x, y) for x, y, _ in rows),
        chart_M=place_M3[:, 0].astype(np.int64), u_M=place_M3[:, 1], v_M=place_M3[:, 2], seconds=work.seconds,
        hidden=verdicts.count("hidden"), skipped=verdicts.count("skipped"), off_part=off_part, at=work.last_at,
        hint=work.hints,
    )
