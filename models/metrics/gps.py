"""Geodesic point similarity of one person: the paper's and the reference evaluator's (paper §4.1)."""

from __future__ import annotations

import numpy as np

from models.surface.geometry import Float, Int

KAPPA_PAPER = 0.255
"""Metres, for every part (paper §4.1: a single point with an error of 30 cm counts one half)."""

KAPPA_REFERENCE_25: Float = np.array(
    [np.nan]
    + [0.351] * 2 + [0.107] * 2 + [0.126] * 2 + [0.237] * 4 + [0.173] * 4 + [0.142] * 4 + [0.128] * 4 + [0.150] * 2
)
"""Metres by true chart: torso, hands, feet, upper and lower legs, upper and lower arms, head."""

KAPPA_PAPER_25: Float = np.array([np.nan, *[KAPPA_PAPER] * 24])
"""The paper's as a table by chart."""


def gps(error_M: Float, chart_M: Int, kappa_25: Float) -> float:
    """Mean over points of exp(-d^2 / (2 kappa^2)).

    Args:
        error_M: geodesic metres; an infinite error adds 0.
        chart_M: true chart of each point, 1..24.
        kappa_25: metres by chart.

    Returns:
        0..1; 0 without points.
    """
    if not len(error_M):
        return 0.0
    return float(np.exp(-(np.asarray(error_M, np.float64) ** 2) / (2 * kappa_25[chart_M] ** 2)).mean())


def gps_paper(error_M: Float) -> float:
    """GPS with the paper's one kappa; errors in metres."""
    return gps(error_M, np.ones(len(error_M), np.int64), KAPPA_PAPER_25)


def gps_reference(error_M: Float, chart_M: Int) -> float:
    """GPS with the reference evaluator's kappa by true chart; errors in metres."""
    return gps(error_M, chart_M, KAPPA_REFERENCE_25)


def masked_gps(gps_DG: Float, mask_iou_DG: Float) -> Float:
    """GPSm: the geometric mean of GPS and the overlap of masks, any equal shapes."""
    return np.sqrt(gps_DG * mask_iou_DG)
