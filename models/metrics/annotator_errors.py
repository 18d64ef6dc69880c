"""Disagreement of annotators, and its mean over the body surface (Güler et al. 2018, §2.2)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.spatial import cKDTree

from models.arrays import Float, Int
from models.errors import ModelError
from models.metrics.instances import AnnotatedPoints
from models.surface.geometry import Geometry

FAR = 3.0
"""Observations farther away than this many kernel radii have no weight."""
ROUNDING = 0.01
"""Relative rounding error of geodesic distances: tables are float16."""


def same_pixels(first: AnnotatedPoints, second: AnnotatedPoints) -> bool:
    """Whether two annotators annotated the same pixels in the same order."""
    same_count = len(first) == len(second)
    return same_count and np.allclose(first.x_M, second.x_M) and np.allclose(first.y_M, second.y_M)


def annotator_errors(geometry: Geometry, first: AnnotatedPoints, second: AnnotatedPoints) -> tuple[Int, Float]:
    """Geodesic distance between two annotations of the same pixels.

    Args:
        geometry: of the body.
        first: an annotator's points.
        second: another annotator's points or the truth, at the same pixels in the same order.

    Returns:
        Surface point (M,) of the second annotation, and error (M,) in metres.

    Raises: ModelError if the pixels are not the same.
    """
    if not same_pixels(first, second):
        raise ModelError("two annotators annotated different pixels", f"{len(first)} and {len(second)} points",
                         "compare annotations of the same points of the same person")
    true_M = geometry.nearest(second.chart_M, second.u_M, second.v_M)
    found_M = geometry.nearest(first.chart_M, first.u_M, first.v_M)
    return true_M, geometry.distance(found_M, true_M)


def error_over_surface(
    geometry: Geometry, vertex_M: Int, error_M: Float, asked_Q: Int, place: Callable[[Int], Float], radius: float = 0.03
) -> Float:
    """Mean error around vertices of the body, with weights exp(-d² / (2 radius²)) of geodesic distance d.

    The geodesic distance is never less than the straight one, so only pairs that are near in space are computed.

    Args:
        geometry: of the body.
        vertex_M, error_M: vertices and values of observed errors (finite).
        asked_Q: vertices of the result.
        place: positions of vertices in metres: from (K,) to (K, 3).
        radius: metres.

    Returns:
        (Q,) in the unit of the errors; nan without observations within three radii.
    """
    if not len(vertex_M):
        return np.full(len(asked_Q), np.nan)
    seen_K, which_M = np.unique(vertex_M, return_inverse=True)
    count_K = np.bincount(which_M, minlength=len(seen_K)).astype(np.float64)
    total_K = np.bincount(which_M, weights=error_M, minlength=len(seen_K))
    near = cKDTree(place(asked_Q)).query_ball_tree(cKDTree(place(seen_K)), FAR * radius * (1 + ROUNDING))
    q_A = np.repeat(np.arange(len(asked_Q)), [len(one) for one in near])
    k_A = np.array([k for one in near for k in one], np.int64)
    distance_A = np.asarray(geometry.distance(asked_Q[q_A], seen_K[k_A]), np.float64)
    weight_A = np.where(distance_A <= FAR * radius, np.exp(-(distance_A**2) / (2 * radius**2)), 0.0)
    weight_Q = np.bincount(q_A, weight_A * count_K[k_A], len(asked_Q))
    total_Q = np.bincount(q_A, weight_A * total_K[k_A], len(asked_Q))
    return np.where(weight_Q > 0, total_Q / np.where(weight_Q > 0, weight_Q, 1), np.nan)
