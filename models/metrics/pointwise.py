"""Pointwise evaluation: the ratio of correct points over geodesic thresholds, and the area under it (paper §4.1)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from models.surface.geometry import Float, Int

CHARTS = 24


def correct_ratio(error_M: Float, threshold_T: Float) -> Float:
    """The RCP curve f(t): share of points whose error is at most t.

    Args:
        error_M: geodesic errors, infinite for points without an answer.
        threshold_T: in the unit of the errors.

    Returns:
        (T,) float64 in 0..1; nan without points.
    """
    if not len(error_M):
        return np.full(len(threshold_T), np.nan)
    return np.searchsorted(np.sort(error_M), threshold_T, side="right") / len(error_M)


def area_under_curve(error_M: Float, limit: float) -> float:
    """AUC_a = (1/a) * integral of f(t) from 0 to a, exactly: f is a sum of steps, and each adds (a - error) / a.

    Args:
        error_M: geodesic errors, infinite for points without an answer.
        limit: a, in the unit of the errors (the paper: 10 and 30 cm).

    Returns:
        0..1; nan without points.
    """
    if not len(error_M):
        return float("nan")
    return float(np.clip(1.0 - np.asarray(error_M, np.float64) / limit, 0.0, None).mean())


def measure_by_chart(measure: Callable[[Float], float], error_M: Float, chart_M: Int) -> Float:
    """A measure of errors for every chart of the truth.

    Args:
        measure: errors to a number, such as an area under the curve.
        error_M, chart_M: error and true chart (1..24) of each point.

    Returns:
        (25,) float64, index = chart; nan for the background and for charts without points.
    """
    value_25 = np.full(CHARTS + 1, np.nan)
    for chart in np.unique(chart_M):
        value_25[chart] = measure(error_M[chart_M == chart])
    return value_25
