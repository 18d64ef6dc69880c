"""How far people are from each other when they annotate: per part, and as a map over the body (paper §2.2)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.spatial import cKDTree

from models.errors import ModelError
from models.metrics.instances import AnnotatedPoints
from models.surface.geometry import Float, Geometry, Int

FAR = 3.0
"""Radii of the kernel beyond which an observation says nothing."""
ROUNDING = 0.01
"""Share by which a distance over the skin may be too short: tables hold 16 bits."""


def same_pixels(first: AnnotatedPoints, second: AnnotatedPoints) -> bool:
    """Whether two annotators marked the same points, in the same order."""
    same_count = len(first) == len(second)
    return same_count and np.allclose(first.x_M, second.x_M) and np.allclose(first.y_M, second.y_M)


def annotator_errors(geometry: Geometry, first: AnnotatedPoints, second: AnnotatedPoints) -> tuple[Int, Float]:
    """Where the second annotator put the points, and how far the first is from there.

    Args:
        geometry: the body.
        first: an annotator's points.
        second: another's, or the truth, at the same pixels in the same order.

    Returns:
        vertex (M,) of the second, error (M,) in metres.

    Raises: ModelError where the two did not mark the same pixels.
    """
    if not same_pixels(first, second):
        raise ModelError("two annotators marked different pixels", f"{len(first)} and {len(second)} points",
                         "compare annotations of the same points of the same person")
    true_M = geometry.nearest(second.chart_M, second.u_M, second.v_M)
    found_M = geometry.nearest(first.chart_M, first.u_M, first.v_M)
    return true_M, geometry.distance(found_M, true_M)


def error_over_surface(
    geometry: Geometry, vertex_M: Int, error_M: Float, asked_Q: Int, place: Callable[[Int], Float], radius: float = 0.03
) -> Float:
    """The mean error around vertices of the body: observations weigh exp(-d^2 / (2 radius^2)), geodesically.

    The way over the skin is never shorter than the one through space, so only pairs that are near in space are asked.

    Args:
        geometry: the body.
        vertex_M, error_M: where errors were seen, and how large they were (finite).
        asked_Q: vertices of the map.
        place: where vertices lie in space, metres: (K,) to (K, 3).
        radius: metres.

    Returns:
        (Q,) in the unit of the errors; nan where nothing was seen within three radii.
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
