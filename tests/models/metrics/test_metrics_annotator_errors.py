"""Annotator errors: known differences, and the error map compared with a plain loop."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from models.errors import ModelError
from models.metrics.annotator_errors import annotator_errors, error_over_surface
from models.metrics.instances import AnnotatedPoints
from models.metrics.pointwise import measure_by_chart
from tests.models.metrics.ruled_body import LineBody

pytestmark = pytest.mark.quick


def marks(u_255: np.ndarray, chart_M: np.ndarray) -> AnnotatedPoints:
    place = np.arange(len(chart_M), dtype=np.float64)
    return AnnotatedPoints(x_M=place, y_M=place, chart_M=chart_M, u_M=u_255 / 255, v_M=np.zeros(len(chart_M)))


def test_annotator_errors_are_the_known_distances() -> None:
    chart_M = np.repeat([1, 3], 50)
    truth = marks(np.full(100, 50), chart_M)
    noisy = marks(50 + np.where(chart_M == 1, 12, 2), chart_M)
    vertex_M, error_M = annotator_errors(LineBody(), noisy, truth)
    mean_25 = measure_by_chart(np.mean, error_M, chart_M)
    assert mean_25[1] == pytest.approx(0.12) and mean_25[3] == pytest.approx(0.02) and np.isnan(mean_25[2])
    assert set(vertex_M) == {1050, 3050}
    assert (annotator_errors(LineBody(), truth, truth)[1] == 0).all()


def test_different_pixels_cannot_be_compared() -> None:
    one = marks(np.full(4, 50), np.ones(4, np.int64))
    with pytest.raises(ModelError, match="different pixels"):
        annotator_errors(LineBody(), one, dataclasses.replace(one, x_M=one.x_M + 1))
    with pytest.raises(ModelError, match="4 and 3 points"):
        annotator_errors(LineBody(), one, marks(np.full(3, 50), np.ones(3, np.int64)))


def on_a_line(vertex_K: np.ndarray) -> np.ndarray:
    """Positions of the vertices of a `LineBody`, 1 cm apart."""
    return np.stack([vertex_K / 100, np.zeros(len(vertex_K)), np.zeros(len(vertex_K))], axis=1)


def test_the_error_map_equals_a_plain_loop() -> None:
    random = np.random.default_rng(0)
    vertex_M = 1000 + random.integers(0, 100, 200)
    error_M = random.uniform(0, 0.2, 200)
    asked_Q = np.arange(1000, 1256)
    found_Q = error_over_surface(LineBody(), vertex_M, error_M, asked_Q, on_a_line, radius=0.051)
    for vertex, found in zip(asked_Q, found_Q, strict=True):
        distance_M = np.abs(vertex - vertex_M) / 100
        weight_M = np.exp(-(distance_M**2) / (2 * 0.051**2)) * (distance_M <= 3 * 0.051)
        if weight_M.sum():
            assert found == pytest.approx((weight_M * error_M).sum() / weight_M.sum(), rel=1e-4)
        else:
            assert math.isnan(found)
    assert 0 < np.isnan(found_Q).sum() < 256


def test_a_constant_error_has_a_constant_map() -> None:
    asked_Q = np.array([1005, 1500])
    found_Q = error_over_surface(LineBody(), np.array([1000, 1020]), np.array([0.07, 0.07]), asked_Q, on_a_line)
    assert found_Q[0] == pytest.approx(0.07) and math.isnan(found_Q[1])
    nothing = error_over_surface(LineBody(), np.zeros(0, np.int64), np.zeros(0), np.array([1005]), on_a_line)
    assert math.isnan(nothing[0])
