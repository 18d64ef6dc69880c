"""Geodesic point similarity (GPS) of one person, with the constants of Güler et al. 2018 (§4.1) or of the reference."""

from __future__ import annotations

import numpy as np

from models.arrays import Float, Int

KAPPA_PAPER = 0.255
"""Metres, for every part (Güler et al. 2018, §4.1): a point with an error of 30 cm counts one half."""

KAPPA_REFERENCE_25: Float = np.array(
    [np.nan]
    + [0.351] * 2 + [0.107] * 2 + [0.126] * 2 + [0.237] * 4 + [0.173] * 4 + [0.142] * 4 + [0.128] * 4 + [0.150] * 2
)
"""The reference's constants in metres by true chart: torso, hands, feet, upper and lower legs and arms, head."""

KAPPA_PAPER_25: Float = np.array([np.nan, *[KAPPA_PAPER] * 24])
"""`KAPPA_PAPER` by chart."""


def gps(error_M: Float, chart_M: Int, kappa_25: Float) -> float:
    """Mean of exp(-d² / (2 kappa²)) over the points.

    Args:
        error_M: geodesic errors in metres; an infinite error counts 0.
        chart_M: true chart of each point, 1..24.
        kappa_25: metres by chart.

    Returns:
        0..1; 0 without points.
    """
    if not len(error_M):
        return 0.0
    return float(np.exp(-(np.asarray(error_M, np.float64) ** 2) / (2 * kappa_25[chart_M] ** 2)).mean())


def gps_paper(error_M: Float) -> float:
    """GPS with the paper's constant; errors in metres.

    >>> round(gps_paper(np.array([0.0, 0.255, np.inf])), 3)
    0.536
    """
    return gps(error_M, np.ones(len(error_M), np.int64), KAPPA_PAPER_25)


def masked_gps(gps_DG: Float, mask_iou_DG: Float) -> Float:
    """GPSm: the geometric mean of GPS and mask IoU; arrays of any equal shapes.

    >>> masked_gps(np.array([[0.81]]), np.array([[0.25]]))
    array([[0.45]])
    """
    return np.sqrt(gps_DG * mask_iou_DG)
