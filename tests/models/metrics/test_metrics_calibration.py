"""Reliability diagrams of predictions with known probabilities."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.metrics.calibration import reliability_diagram

pytestmark = pytest.mark.quick


def test_calibrated_predictions_have_no_calibration_error() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.random(200_000)
    found = reliability_diagram(confidence, rng.random(200_000) < confidence)
    assert found.ece < 0.01
    assert found.count_B.sum() == 200_000


def test_calibration_error_is_the_mean_gap() -> None:
    """Four predictions at 0.9, two right; one at 0.2, wrong: (4 · 0.4 + 1 · 0.2) / 5."""
    found = reliability_diagram(np.array([0.9, 0.9, 0.9, 0.9, 0.2]), np.array([1, 0, 1, 0, 0], bool), bins=10)
    assert found.ece == pytest.approx(0.36)
    assert found.accuracy_B[9] == pytest.approx(0.5) and math.isnan(found.accuracy_B[5])


def test_confidence_one_has_a_bin_and_no_predictions_give_nan() -> None:
    assert reliability_diagram(np.array([1.0]), np.array([True])).count_B[-1] == 1
    assert math.isnan(reliability_diagram(np.zeros(0), np.zeros(0, bool)).ece)
