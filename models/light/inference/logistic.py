"""The logistic function and its inverse, in NumPy alone.

SciPy's `expit` would add the import of SciPy to the start of every process that detects people.
"""

from __future__ import annotations

import numpy as np

from models.arrays import Float

MAX_LOGIT = 30.0
"""Larger logits change no float32 near 1, and their exponential could overflow."""
MIN_DISTANCE = 1e-7
"""About the smallest distance of a float32 from 1."""


def logistic(logit: Float) -> Float:
    """Probabilities 0..1 of logits of any shape, in their own precision."""
    return np.asarray(1 / (1 + np.exp(-np.clip(logit, -MAX_LOGIT, MAX_LOGIT))))


def log_odds(probability: Float, distance: float = MIN_DISTANCE) -> Float:
    """ln(p / (1 − p)) of probabilities of any shape, in their own precision, clipped to a distance from 0 and 1."""
    clipped = np.clip(probability, distance, 1 - distance)
    return np.asarray(np.log(clipped / (1 - clipped)))
