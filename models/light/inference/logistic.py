"""The logistic function and its inverse: a network's logits as probabilities, and back.

NumPy alone: where people are detected SciPy is not loaded, and its `expit` would cost every such process a fifth of a
second. Where teachers label photos, `expit` it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FARTHEST = 30.0
"""Beyond it a logit changes no float32 near 1, and its power could overflow."""
LEAST = 1e-7
"""About the least that a float32 near 1 can lack to it."""


def logistic(logit: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Probabilities 0..1 of logits, of any shape, in their own precision."""
    return np.asarray(1 / (1 + np.exp(-np.clip(logit, -FARTHEST, FARTHEST))))


def log_odds(probability: npt.NDArray[Any], least: float = LEAST) -> npt.NDArray[Any]:
    """ln(p / (1 − p)) of probabilities, of any shape, in their own precision, kept so far from 0 and 1."""
    kept = np.clip(probability, least, 1 - least)
    return np.asarray(np.log(kept / (1 - kept)))
