"""Curves of the ratio of correct points over the geodesic threshold (paper §4.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from models.arrays import U8
from models.metrics.pointwise import area_under_curve, correct_ratio
from models.surface.geometry import Float
from stages.evaluation.breakdown import all_errors
from stages.evaluation.measures import ANNOTATORS
from stages.evaluation.person_scores import ImageScore

FARTHEST_CM = 30
"""End of the horizontal axis, the limit of AUC30."""
HEIGHT, WIDTH = 420, 480
"""Pixels of the picture."""
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 12, 96
"""Pixels of the margins around the curves."""
COLOURS = ((200, 60, 40), (40, 90, 200), (60, 140, 60))
"""Of the curves, RGB."""
INK, GRID = (60, 60, 60), (225, 225, 225)
"""Colours of text and of grid lines, RGB."""

Colour = tuple[int, int, int]


def errors_of(images: Sequence[ImageScore]) -> dict[str, Float]:
    """Errors of all points of a set in centimetres, by protocol and for simulated annotators; none is empty."""
    people = [person for image in images for person in image.people]
    found = {name: all_errors([person.results[name] for person in people]) for name in images[0].known}
    of_annotators = [error_M for person in people for error_M in person.annotator_AM]
    found[ANNOTATORS] = np.concatenate([np.zeros(0), *of_annotators])
    return {name: 100 * error_M for name, error_M in found.items() if len(error_M)}


def curves_image(errors: Mapping[str, Float]) -> U8:
    """A curve for each list of errors in centimetres, with the area under it: RGB uint8 (HEIGHT, WIDTH, 3)."""
    image = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    for step in range(6):
        share = step / 5
        _line(image, [(0, share), (FARTHEST_CM, share)], GRID, 1)
        _line(image, [(step * 6, 0), (step * 6, 1)], GRID, 1)
        _write(image, f"{share:.1f}", (12, _pixel(0, share)[1] + 4), INK)
        _write(image, f"{step * 6}", (_pixel(step * 6, 0)[0] - 6, HEIGHT - BOTTOM + 16), INK)
    _write(image, "correct points within so many cm", (150, HEIGHT - BOTTOM + 32), INK)
    threshold_T = np.linspace(0, FARTHEST_CM, 121)
    for row, (name, error_M) in enumerate(errors.items()):
        colour = COLOURS[row % len(COLOURS)]
        _line(image, list(zip(threshold_T, correct_ratio(error_M, threshold_T), strict=True)), colour, 2)
        label = f"{name}: AUC10 {area_under_curve(error_M, 10):.3f}, AUC30 {area_under_curve(error_M, 30):.3f}"
        _write(image, label, (LEFT, HEIGHT - BOTTOM + 52 + 18 * row), colour)
    return image


def _pixel(cm: float, share: float) -> tuple[int, int]:
    """The pixel x, y of a point of a curve."""
    x = LEFT + (WIDTH - LEFT - RIGHT) * cm / FARTHEST_CM
    y = HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share
    return round(x), round(y)


def _line(image: U8, points: Sequence[tuple[float, float]], colour: Colour, thick: int) -> None:
    pixels = np.array([_pixel(*point) for point in points], np.int32)
    cv2.polylines(image, [pixels], False, colour, thick, cv2.LINE_AA)


def _write(image: U8, text: str, place: tuple[int, int], colour: Colour) -> None:
    cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, colour, 1, cv2.LINE_AA)
