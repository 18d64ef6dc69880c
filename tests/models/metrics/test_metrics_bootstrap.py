"""Bootstrap intervals over people or images: known intervals, and what is resampled."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.metrics.bootstrap import Estimate, Fixed, HistogramMedian, Median, Ratio, difference, estimate, ratio

pytestmark = pytest.mark.quick


def test_the_interval_of_a_ratio_is_binomial() -> None:
    """400 people with one trial each, half of them right: 0.5 ± 1.96 * 0.025."""
    hits = np.repeat([0.0, 1.0], 200)
    found = ratio(hits, np.ones(400))
    assert found.value == 0.5
    assert found.low == pytest.approx(0.451, abs=0.005) and found.high == pytest.approx(0.549, abs=0.005)
    assert found == ratio(hits, np.ones(400))
    assert found != ratio(hits, np.ones(400), seed=1)


def test_people_are_resampled_not_trials() -> None:
    """Four people with 100 equal trials each are four samples, not four hundred."""
    found = ratio(np.array([100.0, 100, 0, 0]), np.full(4, 100.0))
    assert found.value == 0.5 and found.low == 0 and found.high == 1


def test_the_interval_of_a_median_is_that_of_people_who_count() -> None:
    value_P = np.concatenate([np.random.default_rng(0).normal(5, 1, 400), np.full(50, np.nan)])
    found = estimate(Median(value_P=value_P))
    assert found.value == pytest.approx(np.nanmedian(value_P))
    assert found.high - found.low == pytest.approx(2 * 1.96 * 1.253 / 20, rel=0.3), "deviation of a median of normals"


def test_the_median_of_histograms_is_over_all_pixels() -> None:
    pixels_PS = np.zeros((2, 11))
    pixels_PS[0, 2], pixels_PS[1, 8] = 10, 30
    assert estimate(HistogramMedian(pixels_PS=pixels_PS)).value == 0.8


def test_undefined_bootstrap_samples_are_ignored() -> None:
    """Only the first image has people that count; some bootstrap samples miss it."""
    found = ratio(np.array([0.3, 0, 0]), np.array([1.0, 0, 0]))
    assert (found.value, found.low, found.high) == (0.3, 0.3, 0.3)


def test_a_paired_difference_is_narrower_than_its_parts() -> None:
    """The same people vary widely, and each is better by .1 ± .01: 0.1 ± 1.96 · .01 / 10."""
    random = np.random.default_rng(0)
    before_P, one_P = random.normal(5, 2, 100), np.ones(100)
    after_P = before_P + random.normal(0.1, 0.01, 100)
    found = difference(Ratio(hits_P=before_P, trials_P=one_P), Ratio(hits_P=after_P, trials_P=one_P))
    assert found.value == pytest.approx((after_P - before_P).mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.01 / 10, rel=0.15)
    swapped = difference(Ratio(hits_P=after_P, trials_P=one_P), Ratio(hits_P=before_P, trials_P=one_P))
    assert (swapped.low, swapped.high) == pytest.approx((-found.high, -found.low))


def test_what_cannot_be_paired_has_a_difference_without_interval() -> None:
    three, four = (Ratio(hits_P=np.ones(count), trials_P=np.full(count, 2.0)) for count in (3, 4))
    fixed = Fixed(estimate=Estimate(value=0.75, low=0.5, high=1.0))
    for before, after, wanted in ((three, four, 0.0), (three, fixed, 0.25), (fixed, three, -0.25)):
        found = difference(before, after)
        assert found.value == wanted and math.isnan(found.low)


def test_without_data_the_estimate_is_nan() -> None:
    assert math.isnan(ratio(np.zeros(3), np.zeros(3)).value)
