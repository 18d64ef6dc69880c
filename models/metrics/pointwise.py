"""Pointwise evaluation: ratio of correct points by geodesic threshold, and its area (Güler et al. 2018, §4.1)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from models.arrays import Float, Int

CHARTS = 24


def correct_ratio(error_M: Float, threshold_T: Float) -> Float:
    """The curve f(t) of the ratio of correct points: the share of points whose error is at most t.

    Args:
        error_M: geodesic errors, infinite for points without a prediction.
        threshold_T: in the unit of the errors.

    Returns:
        (T,) float64 in 0..1; nan without points.

    >>> correct_ratio(np.array([0.02, 0.2, np.inf, 0.05]), np.array([0.05, 0.3]))
    array([0.5 , 0.75])
    """
    if not len(error_M):
        return np.full(len(threshold_T), np.nan)
    return np.searchsorted(np.sort(error_M), threshold_T, side="right") / len(error_M)


def area_under_curve(error_M: Float, limit: float) -> float:
    """AUC_a = (1/a) * integral of f(t) from 0 to a. It is exact: f is a sum of steps that each add (a - error) / a.

    Args:
        error_M: geodesic errors, infinite for points without a prediction.
        limit: a, in the unit of the errors (in the paper 10 and 30 cm).

    Returns:
        0..1; nan without points.

    >>> area_under_curve(np.array([0.0, 0.05, np.inf]), 0.1)
    0.5
    """
    if not len(error_M):
        return float("nan")
    return float(np.clip(1.0 - np.asarray(error_M, np.float64) / limit, 0.0, None).mean())


def measure_by_chart(measure: Callable[[Float], float], error_M: Float, chart_M: Int) -> Float:
    """A measure of errors for each true chart.

    Args:
        measure: from errors to a number, such as an area under the curve.
        error_M, chart_M: error and true chart (1..24) of each point.

    Returns:
        (25,) float64 by chart; nan for the background and for charts without points.
    """
    value_25 = np.full(CHARTS + 1, np.nan)
    for chart in np.unique(chart_M):
        value_25[chart] = measure(error_M[chart_M == chart])
    return value_25
