"""The warp that moves the fitted mesh to where the network sees each point of the skin.

The displacement in the picture is a smooth function on the skin: a sum of the mesh's harmonics. Its coefficients are
found by robust, weighted ridge regression (Geman–McClure weights, re-estimated a few times).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from models.arrays import F32, U8, Float, Index
from models.painting.painting_mesh import PaintingMesh

POINTS = 500
"""Points of the skin that the warp is held to, about."""
LEAST_POINTS = 30
LEAST_CONFIDENCE = 0.05
RIDGE, LEAST_RIDGE = 100.0, 1.0
"""Weight of the squared coefficients beside that of the points, where the fit is good and where it is bad. Errors of
the points are alike within a limb, so a good fit is believed as much as they are."""
GOOD_FIT_M = 0.02
"""Median distance in metres between points and fitted body up to which the fit is good; beyond it the ridge falls with
the fourth power."""
HALF_FREQUENCY = 10.0
"""Spatial frequency, radians a metre, at which the ridge is twice as strong as for a constant displacement."""
REACHES_M = (0.16, 0.08, 0.05)
"""Displacements beyond the last estimate that count a quarter, in each round, metres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkinTargets:
    """Where N points of the painting mesh belong in the frame.

    Attributes:
        basis_NH: values of the mesh's harmonics at the points.
        corner_N3, share_N3: the points, as weighted means of vertices.
        pixel_N2: where they belong, pixels of the frame.
        weight_N: how much that is believed, 0..1.
    """

    basis_NH: F32
    corner_N3: Index
    share_N3: F32
    pixel_N2: F32
    weight_N: F32


def seen_skin(
    painting: PaintingMesh, labels_hw: U8, uv_2hw: Float, confidence_hw: Float | None, origin_2: tuple[int, int]
) -> SkinTargets:
    """Points on a lattice over a person's surface, where the network sees them.

    Args:
        painting: the mesh.
        labels_hw, uv_2hw, confidence_hw: the surface; confidence may be unknown.
        origin_2: x, y of the surface's first pixel in the frame.
    """
    every = max(1, math.floor(math.sqrt(np.count_nonzero(labels_hw) / POINTS)))
    start = every // 2
    row_N, column_N = (start + every * axis for axis in np.nonzero(labels_hw[start::every, start::every]))
    uv_2N = uv_2hw[:, row_N, column_N].astype(np.float32).clip(0, 1)
    corner_N3, share_N3 = painting.points(labels_hw[row_N, column_N], uv_2N)
    weight_N = np.ones(len(row_N), np.float32)
    if confidence_hw is not None:
        weight_N = confidence_hw[row_N, column_N].astype(np.float32).clip(LEAST_CONFIDENCE, 1)
    return SkinTargets(
        basis_NH=np.einsum("nkh,nk->nh", painting.basis_NH[corner_N3], share_N3), corner_N3=corner_N3,
        share_N3=share_N3, weight_N=weight_N,
        pixel_N2=np.stack([column_N + (origin_2[0] + 0.5), row_N + (origin_2[1] + 0.5)], axis=1).astype(np.float32),
    )  # fmt: skip


def fitted_warp(
    painting: PaintingMesh, place_V2: F32, seen: SkinTargets, metre_px: float
) -> F32:
    """Displacement of each vertex (V, 2), pixels; 0 where too few points are seen.

    Args:
        painting: the mesh.
        place_V2: where the fitted body's vertices lie in the frame, pixels.
        seen: where points of the skin belong.
        metre_px: pixels of the frame that a metre of the body spans.
    """
    if len(seen.weight_N) < LEAST_POINTS:
        return np.zeros_like(place_V2)
    basis_NH = seen.basis_NH
    away_N2 = seen.pixel_N2 - np.einsum("nki,nk->ni", place_V2[seen.corner_N3], seen.share_N3)
    misfit = float(np.median(np.square(away_N2).sum(axis=1))) ** 0.5 / (GOOD_FIT_M * metre_px)
    ridge = max(RIDGE / max(misfit, 1.0) ** 4, LEAST_RIDGE)
    ridge_H = ridge * (1 + (painting.frequency_H / HALF_FREQUENCY) ** 2)
    move_H2 = np.zeros((basis_NH.shape[1], 2), np.float32)
    for reach_m in REACHES_M:
        left_N = np.square(away_N2 - basis_NH @ move_H2).sum(axis=1) / (reach_m * metre_px) ** 2
        weighted_NH = basis_NH * (seen.weight_N / (1 + left_N) ** 2)[:, None]
        move_H2 = np.linalg.solve(weighted_NH.T @ basis_NH + np.diag(ridge_H), weighted_NH.T @ away_N2)
    return np.asarray(painting.basis_NH @ move_H2, np.float32)
