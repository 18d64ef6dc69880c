"""One person, one box: who is found twice, and who is not."""

from __future__ import annotations

import numpy as np
import pytest

from models.light.inference.duplicates import distinct_people
from models.light.inference.surface_assembly import Silhouette

pytestmark = pytest.mark.quick


def block(x0: int, y0: int, x1: int, y1: int, *, grid: tuple[int, int, int, int] | None = None) -> Silhouette:
    """The silhouette of a rectangle, on its own grid or on a larger one (x0, y0, x1, y1)."""
    left, top, right, bottom = grid or (x0, y0, x1, y1)
    shown_hw = np.zeros((bottom - top, right - left), bool)
    shown_hw[y0 - top : y1 - top, x0 - left : x1 - left] = True
    return Silhouette(x0=left, y0=top, shown_hw=shown_hw, confidence_hw=np.ones(shown_hw.shape, np.float32))


PERSON = block(10, 20, 50, 120)


def test_a_part_of_a_person_and_a_frame_around_a_person_are_the_person() -> None:
    head, around = block(20, 20, 40, 40), block(0, 10, 60, 130)
    assert distinct_people([PERSON, head]) == [0]
    assert distinct_people([PERSON, around]) == [0]
    assert distinct_people([around, PERSON, head]) == [0]


def test_a_larger_person_around_a_better_detection_stays() -> None:
    """A child before its mother, or a better score of a head: 70 % of the mother are not the child's."""
    child, mother = block(20, 60, 50, 100), PERSON
    assert distinct_people([child, mother]) == [0, 1]
    assert distinct_people([mother, child]) == [0]


def test_people_whose_boxes_lie_on_each_other_stay_if_their_silhouettes_do_not() -> None:
    """An embrace: one grid, and the other half of it. A third of the smaller one may be contested."""
    grid = (0, 0, 100, 120)
    left, right = block(0, 0, 50, 120, grid=grid), block(50, 0, 100, 120, grid=grid)
    nearer = block(34, 0, 100, 120, grid=grid)
    assert distinct_people([left, right]) == [0, 1]
    assert distinct_people([left, nearer]) == [0, 1]


def test_who_is_dropped_drops_nobody() -> None:
    """The middle one of three is the first one found again; the last one overlaps with the middle one alone."""
    first, middle, last = block(0, 0, 100, 100), block(0, 0, 150, 100), block(100, 0, 150, 100)
    assert distinct_people([first, middle, last]) == [0, 2]


def test_grids_outside_of_each_other_and_empty_silhouettes_are_compared() -> None:
    nothing = block(10, 20, 10, 20, grid=(0, 0, 60, 60))
    assert distinct_people([PERSON, block(200, 200, 220, 240), nothing]) == [0, 1, 2]
    assert distinct_people([]) == []
