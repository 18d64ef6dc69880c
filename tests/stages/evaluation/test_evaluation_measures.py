"""The numbers of a set, from people whose answers are made up."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from models.metrics.bootstrap import estimate
from stages.evaluation.measures import median_uv_error
from stages.evaluation.person_scores import STEPS, PersonResult

pytestmark = pytest.mark.quick


def result(pixels_by_255ths: Mapping[int, int]) -> PersonResult:
    """A person with numbers of pixels by error of U in 255ths, without error in V."""
    uv_error_2S = np.zeros((2, STEPS), np.int64)
    for off, pixels in pixels_by_255ths.items():
        uv_error_2S[0, off] = pixels
    uv_error_2S[1, 0] = uv_error_2S[0].sum()
    return PersonResult(chart_2525=None, uv_error_2S=uv_error_2S, error_M=None, joint_17=None, mask_iou=float("nan"))


def test_the_median_error_has_a_bootstrap_interval_over_people() -> None:
    alike = [result({10: 50, 30: 10})] * 20
    assert (one := estimate(median_uv_error(alike, 0))).value == one.low == one.high == pytest.approx(10 / 255)
    other = [result({0: 100}), result({10: 100}), result({20: 100})]
    found = estimate(median_uv_error(other, 0))
    assert (found.value, found.low, found.high) == pytest.approx((10 / 255, 0, 20 / 255)), "of three any may be drawn"
    assert estimate(median_uv_error(other, 1)).high == 0, "V is off by nothing"


def test_people_with_more_pixels_count_more() -> None:
    three = [result({0: 10}), result({10: 10}), result({40: 100})]
    assert estimate(median_uv_error(three, 0)).value == pytest.approx(40 / 255)


def test_without_right_charts_there_is_no_median() -> None:
    without = PersonResult(chart_2525=None, uv_error_2S=None, error_M=None, joint_17=None, mask_iou=0)
    for people in ([], [result({})], [without]):
        assert np.isnan(estimate(median_uv_error(people, 0)).value)
