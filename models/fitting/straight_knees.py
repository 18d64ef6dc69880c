"""Many people stand on straight legs, which a normal distribution of poses does not know: a prior of straight knees.

The poses of the library are varied, so their mean bends the knees by 42°. The cost falls by `DEPTH` where a knee is
straight, as if the prior were a mixture of all poses and of straight knees; knees that are clearly bent feel nothing.
"""

from __future__ import annotations

import numpy as np

from models.arrays import F64, Index
from models.body.pose_prior import TURNED

DEPTH, STRAIGHT, SPREAD = 1.5, -0.04, 0.21
"""Of the dip of the cost: its depth, where it is (3° of flexion), and its standard deviation, radians."""
KNEE_X: Index = np.array([3 * TURNED.index(f"lowerleg01.{side}") for side in "LR"])
"""The numbers of the pose's rotation vectors that bend the knees."""


def knee_cost(vector_X: F64) -> float:
    """The cost of the knees of a pose's rotation vectors (54,), at most 0."""
    return -float(_dips(vector_X).sum())


def knee_slopes(vector_X: F64) -> tuple[F64, F64]:
    """Curvature, as Gauss–Newton needs it, and derivative of the cost by each number of the rotation vectors (54,)."""
    curvature_X, slope_X = np.zeros_like(vector_X), np.zeros_like(vector_X)
    curvature_X[KNEE_X] = _dips(vector_X) / SPREAD**2
    slope_X[KNEE_X] = curvature_X[KNEE_X] * (vector_X[KNEE_X] - STRAIGHT)
    return curvature_X, slope_X


def _dips(vector_X: F64) -> F64:
    return np.asarray(DEPTH * np.exp(-0.5 * np.square((vector_X[KNEE_X] - STRAIGHT) / SPREAD)))
