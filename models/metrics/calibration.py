"""Calibration: whether predictions are right as often as their confidence states (Guo et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.arrays import I64, Bool, Float

BINS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """A reliability diagram over equal bins of confidence; empty bins are nan.

    Attributes:
        count_B: number of predictions in each bin.
        confidence_B: their mean confidence.
        accuracy_B: share of right predictions.
    """

    count_B: I64
    confidence_B: Float
    accuracy_B: Float

    @property
    def ece(self) -> float:
        """Expected calibration error: mean of |confidence − accuracy| over predictions; nan without predictions."""
        filled = self.count_B > 0
        if not filled.any():
            return float("nan")
        gap_B = np.abs(self.confidence_B[filled] - self.accuracy_B[filled])
        return float((gap_B * self.count_B[filled]).sum() / self.count_B.sum())


def reliability_diagram(confidence_M: Float, right_M: Bool, bins: int = BINS) -> Reliability:
    """The reliability diagram of M predictions: confidence 0..1, and whether each is right.

    >>> round(reliability_diagram(np.array([0.9, 0.9, 0.9, 0.9]), np.array([True, True, True, False])).ece, 2)
    0.15
    """
    at_M = np.clip((np.asarray(confidence_M, np.float64) * bins).astype(np.int64), 0, bins - 1)
    count_B = np.bincount(at_M, minlength=bins)
    with np.errstate(invalid="ignore"):
        confidence_B = np.bincount(at_M, weights=confidence_M, minlength=bins) / count_B
        accuracy_B = np.bincount(at_M, weights=right_M, minlength=bins) / count_B
    return Reliability(count_B=count_B, confidence_B=confidence_B, accuracy_B=accuracy_B)
