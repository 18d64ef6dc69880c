"""The logistic function: a network's logits as probabilities.

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
"""About the least that a float32 can lack to 1."""


def logistic(logit: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Probabilities 0..1 of logits, of any shape, in their own precision."""
    return np.asarray(1 / (1 + np.exp(-np.clip(logit, -FARTHEST, FARTHEST))))


def logit_of(probability: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Logits of probabilities, of any shape, in their own precision; 0 and 1 are taken for a ten-millionth off them."""
    sure = np.clip(probability, LEAST, 1 - LEAST)
    return np.asarray(np.log(sure / (1 - sure)))
