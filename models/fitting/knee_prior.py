"""A prior of straight knees, because many people stand on straight legs.

The normal distribution of the library's poses bends the knees by 42° in the mean and makes straight knees improbable.
Near a straight knee the cost is lower by up to `DEPTH`. A clearly bent knee has the same cost as without this prior.
"""

from __future__ import annotations

import numpy as np

from models.arrays import F64, Index
from models.body.pose_prior import TURNED

DEPTH, STRAIGHT, SPREAD = 1.5, -0.04, 0.21
"""The cost of a knee is −DEPTH · exp(−½ ((x − STRAIGHT) / SPREAD)²), where x is its rotation from the body at rest,
radians. `DEPTH` is a log probability; `STRAIGHT` is a knee of 3° of flexion, `SPREAD` 12°."""
KNEE_X: Index = np.array([3 * TURNED.index(f"lowerleg01.{side}") for side in "LR"])
"""Indices, among the numbers of the pose's rotation vectors, of the two that bend the knees."""


def knee_cost(vector_X: F64) -> float:
    """The cost of both knees of a pose, at most 0. `vector_X`: rotation vectors of the pose (54,), radians."""
    return -float(_dips(vector_X).sum())


def knee_slopes(vector_X: F64) -> tuple[F64, F64]:
    """Curvature (for Gauss–Newton, never negative) and derivative of the cost by each of the numbers (54,)."""
    curvature_X, slope_X = np.zeros_like(vector_X), np.zeros_like(vector_X)
    curvature_X[KNEE_X] = _dips(vector_X) / SPREAD**2
    slope_X[KNEE_X] = curvature_X[KNEE_X] * (vector_X[KNEE_X] - STRAIGHT)
    return curvature_X, slope_X


def _dips(vector_X: F64) -> F64:
    return np.asarray(DEPTH * np.exp(-0.5 * np.square((vector_X[KNEE_X] - STRAIGHT) / SPREAD)))
