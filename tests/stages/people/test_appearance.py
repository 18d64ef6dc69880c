"""Appearance of people on surfaces of known colours."""

from __future__ import annotations

import numpy as np
import pytest

from models.time_steps import FRAME_S
from stages.payloads import PersonSurface
from stages.people.appearance import appearance_of, appearance_similarity, updated_appearance

pytestmark = pytest.mark.quick

RED, BLUE = (200, 20, 20), (20, 20, 200)


def dressed(shirt: tuple[int, int, int], trousers: tuple[int, int, int], shirt_chart: int = 2) -> np.ndarray:
    """The appearance of a person of 40 × 80 pixels: upper half torso, lower half thighs."""
    frame = np.zeros((100, 60, 3), np.uint8)
    frame[10:50, 10:50], frame[50:90, 10:50] = shirt, trousers
    labels = np.full((80, 40), shirt_chart, np.uint8)
    labels[40:] = 9
    return appearance_of(frame, PersonSurface(x0=10, y0=10, labels_hw=labels, uv_2hw=np.zeros((2, 80, 40), np.float32)))


def test_appearance_is_the_mean_colour_of_each_region_and_its_share() -> None:
    found = dressed(RED, BLUE)
    assert found[0].tolist() == pytest.approx([200 / 255, 20 / 255, 20 / 255, 0.5])
    assert found[3].tolist() == pytest.approx([20 / 255, 20 / 255, 200 / 255, 0.5])
    assert not found[[1, 2, 4, 5, 6, 7]].any()


def test_the_same_clothes_are_similar_from_behind_and_others_are_not() -> None:
    one, behind, other = dressed(RED, BLUE), dressed(RED, BLUE, shirt_chart=1), dressed(BLUE, RED)
    found = appearance_similarity(np.stack([one]), np.stack([behind, other, np.zeros((8, 4), np.float32)]))
    assert found[0, 0] == pytest.approx(1)
    assert found[0, 1] < 0.01
    assert found[0, 2] == 0.5


def test_known_regions_change_slowly_and_new_regions_at_once() -> None:
    old, new = dressed(RED, BLUE), dressed(BLUE, BLUE)
    old[3] = 0
    mixed = updated_appearance(old, new, FRAME_S)
    assert mixed[0, 0] == pytest.approx((0.9 * 200 + 0.1 * 20) / 255)
    assert np.allclose(mixed[3], new[3])
    assert np.allclose(updated_appearance(new, np.zeros((8, 4), np.float32), FRAME_S), new)


def test_a_person_outside_of_the_frame_has_no_appearance() -> None:
    surface = PersonSurface(x0=500, y0=0, labels_hw=np.ones((9, 9), np.uint8), uv_2hw=np.zeros((2, 9, 9), np.float32))
    assert not appearance_of(np.zeros((50, 50, 3), np.uint8), surface).any()
