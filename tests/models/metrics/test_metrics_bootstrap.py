"""Bootstrap intervals over people or images: known intervals, and what is resampled."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.metrics.bootstrap import ratio, resampled

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


def test_resampled_images_have_integer_weights() -> None:
    """The mean of 100 numbers, one per image: value ± 1.96 * deviation / 10."""
    value_P = np.random.default_rng(0).normal(5, 1, 100)
    found = resampled(lambda weight_P: float((value_P * weight_P).sum() / weight_P.sum()), 100, draws=2000)
    assert found.value == pytest.approx(value_P.mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 * value_P.std() / 10, rel=0.1)


def test_undefined_bootstrap_samples_are_ignored() -> None:
    """Only the first image has people that count; some bootstrap samples miss it."""
    found = resampled(lambda weight_P: 0.3 if weight_P[0] else math.nan, 3)
    assert (found.value, found.low, found.high) == (0.3, 0.3, 0.3)
    assert math.isnan(resampled(lambda weight_P: math.nan, 3).value)


def test_without_data_the_estimate_is_nan() -> None:
    assert math.isnan(ratio(np.zeros(3), np.zeros(3)).value)
