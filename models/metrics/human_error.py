"""How far people are from each other when they annotate: per part, and as a map over the body (paper §2.2)."""

from __future__ import annotations

import numpy as np

from models.errors import ModelError
from models.metrics.instances import AnnotatedPoints
from models.surface.geometry import Float, Geometry, Int

PAIRS_AT_ONCE = 1 << 20
FAR = 3.0
"""Radii of the kernel beyond which an observation says nothing."""


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
    if len(first) != len(second) or not (np.allclose(first.x_M, second.x_M) and np.allclose(first.y_M, second.y_M)):
        raise ModelError("two annotators marked different pixels", f"{len(first)} and {len(second)} points",
                         "compare annotations of the same points of the same person")
    true_M = geometry.nearest(second.chart_M, second.u_M, second.v_M)
    found_M = geometry.nearest(first.chart_M, first.u_M, first.v_M)
    return true_M, geometry.distance(found_M, true_M)


def error_over_surface(
    geometry: Geometry, vertex_M: Int, error_M: Float, asked_Q: Int, radius: float = 0.03
) -> Float:
    """The mean error around vertices of the body: observations weigh exp(-d^2 / (2 radius^2)), geodesically.

    Asks for the distance of every asked vertex to every vertex where something was seen.

    Args:
        geometry: the body.
        vertex_M, error_M: where errors were seen, and how large they were (finite).
        asked_Q: vertices of the map.
        radius: metres.

    Returns:
        (Q,) in the unit of the errors; nan where nothing was seen within three radii.
    """
    seen_K, place_M = np.unique(vertex_M, return_inverse=True)
    count_K = np.bincount(place_M, minlength=len(seen_K)).astype(np.float64)
    total_K = np.bincount(place_M, weights=error_M, minlength=len(seen_K))
    map_Q = np.full(len(asked_Q), np.nan)
    step = max(PAIRS_AT_ONCE // max(len(seen_K), 1), 1)
    for start in range(0, len(asked_Q) if len(seen_K) else 0, step):
        asked = asked_Q[start : start + step]
        distance = geometry.distance(np.repeat(asked, len(seen_K)), np.tile(seen_K, len(asked)))
        distance_QK = np.asarray(distance, np.float64).reshape(len(asked), len(seen_K))
        weight_QK = np.where(distance_QK <= FAR * radius, np.exp(-(distance_QK**2) / (2 * radius**2)), 0.0)
        near = weight_QK.any(axis=1)
        map_Q[start : start + step][near] = (weight_QK @ total_K)[near] / (weight_QK @ count_K)[near]
    return map_Q
