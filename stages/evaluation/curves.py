"""The ratio of correct points over the geodesic threshold, as the paper draws it (§4.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from models.arrays import U8
from models.metrics.pointwise import area_under_curve, correct_ratio
from models.surface.geometry import Float
from stages.evaluation.answers import PictureScore
from stages.evaluation.breakdown import all_errors
from stages.evaluation.measures import ANNOTATORS

FARTHEST_CM = 30
HEIGHT, WIDTH = 420, 480
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 12, 96
COLOURS = ((200, 60, 40), (40, 90, 200), (60, 140, 60))
INK, GRID = (60, 60, 60), (225, 225, 225)

Colour = tuple[int, int, int]


def errors_of(pictures: Sequence[PictureScore]) -> dict[str, Float]:
    """Errors of all points of a set in centimetres, by protocol, and of simulated annotators; without empty lists."""
    people = [person for picture in pictures for person in picture.people]
    found = {name: all_errors([one.answers[name] for one in people]) for name in pictures[0].known}
    found[ANNOTATORS] = np.concatenate([np.zeros(0), *(one for person in people for one in person.annotator_AM)])
    return {name: 100 * error_M for name, error_M in found.items() if len(error_M)}


def curves_picture(errors: Mapping[str, Float]) -> U8:
    """One curve for each list of errors in centimetres, with the area under it: (HEIGHT, WIDTH, 3)."""
    picture = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    for step in range(6):
        share = step / 5
        _line(picture, [(0, share), (FARTHEST_CM, share)], GRID, 1)
        _line(picture, [(step * 6, 0), (step * 6, 1)], GRID, 1)
        _write(picture, f"{share:.1f}", (12, _at(0, share)[1] + 4), INK)
        _write(picture, f"{step * 6}", (_at(step * 6, 0)[0] - 6, HEIGHT - BOTTOM + 16), INK)
    _write(picture, "correct points within so many cm", (150, HEIGHT - BOTTOM + 32), INK)
    threshold_T = np.linspace(0, FARTHEST_CM, 121)
    for row, (name, error_M) in enumerate(errors.items()):
        colour = COLOURS[row % len(COLOURS)]
        _line(picture, list(zip(threshold_T, correct_ratio(error_M, threshold_T), strict=True)), colour, 2)
        label = f"{name}: AUC10 {area_under_curve(error_M, 10):.3f}, AUC30 {area_under_curve(error_M, 30):.3f}"
        _write(picture, label, (LEFT, HEIGHT - BOTTOM + 52 + 18 * row), colour)
    return picture


def _at(cm: float, share: float) -> tuple[int, int]:
    x = LEFT + (WIDTH - LEFT - RIGHT) * cm / FARTHEST_CM
    y = HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share
    return round(x), round(y)


def _line(picture: U8, points: Sequence[tuple[float, float]], colour: Colour, thick: int) -> None:
    pixels = np.array([_at(*point) for point in points], np.int32)
    cv2.polylines(picture, [pixels], False, colour, thick, cv2.LINE_AA)


def _write(picture: U8, text: str, place: tuple[int, int], colour: Colour) -> None:
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, colour, 1, cv2.LINE_AA)
