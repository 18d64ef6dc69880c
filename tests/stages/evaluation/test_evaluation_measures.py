"""The numbers of a set, from people whose answers are made up."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from stages.evaluation.answers import STEPS, Answer
from stages.evaluation.measures import median_off


def answered(pixels_by_255ths: Mapping[int, int]) -> Answer:
    """A person with so many pixels off by so many 255ths in U, and by nothing in V."""
    off_2S = np.zeros((2, STEPS), np.int64)
    for off, pixels in pixels_by_255ths.items():
        off_2S[0, off] = pixels
    off_2S[1, 0] = off_2S[0].sum()
    return Answer(chart_2525=None, off_2S=off_2S, error_M=None, joint_17=None, mask_iou=float("nan"))


def test_the_median_of_differences_has_the_interval_that_people_leave_open() -> None:
    alike = [answered({10: 50, 30: 10})] * 20
    assert (one := median_off(alike, 0)).value == one.low == one.high == pytest.approx(10 / 255)
    other = [answered({0: 100}), answered({10: 100}), answered({20: 100})]
    found = median_off(other, 0)
    assert (found.value, found.low, found.high) == pytest.approx((10 / 255, 0, 20 / 255)), "of three any may be drawn"
    assert median_off(other, 1).high == 0, "V is off by nothing"


def test_who_has_more_pixels_counts_for_more() -> None:
    assert median_off([answered({0: 10}), answered({10: 10}), answered({40: 100})], 0).value == pytest.approx(40 / 255)


def test_nobody_with_a_right_chart_has_no_median() -> None:
    for people in ([], [answered({})], [Answer(chart_2525=None, off_2S=None, error_M=None, joint_17=None, mask_iou=0)]):
        assert np.isnan(median_off(people, 0).value)
