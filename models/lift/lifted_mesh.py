"""Predicts a person's low-poly body in the camera's frame from the person's predicted surface."""

from __future__ import annotations

import numpy as np

from models.arrays import F64
from models.body.camera import NEAR, PinholeCamera
from models.lift.lift_weights import LiftWeights
from models.lift.mesh_view import MeshView
from models.lift.seen_vertices import SeenVertices, SurfaceWithConfidence, seen_vertices

MIN_VERTICES = 12
"""With fewer visible vertices there is no body."""
ROUNDS = 3
"""Number of times that the body's position is computed, each time with the weights from the errors before."""
KERNEL_WIDTH = 0.03
"""Width of the robust kernel (Geman and McClure) for errors of projection, as a share of the person's box side."""


def lifted_mesh(surface: SurfaceWithConfidence, camera: PinholeCamera, lift: LiftWeights) -> F64 | None:
    """The vertices (L, 3) in the camera's frame, metres; None where too few vertices are visible."""
    seen = seen_vertices(surface)
    if seen.seen_L.sum() < MIN_VERTICES:
        return None
    view = MeshView.around(seen.pixel_L2[seen.seen_L], camera)
    point_L3 = lift.points(seen.seen_L, view.in_square(seen.pixel_L2), view.number_2).astype(np.float64) @ view.turn_33
    return moved_onto_rays(point_L3, seen, camera, float(view.side_2.mean()))


def moved_onto_rays(point_L3: F64, seen: SeenVertices, camera: PinholeCamera, size: float) -> F64 | None:
    """The body at the position where its visible vertices project to their image points; None if this is behind the
    camera.

    Then each visible vertex moves, at its depth, onto the ray through its image point (as in MeshPose, CVPR 2024).

    Args:
        point_L3: the body at any position, in the camera's axes, metres.
        seen: the image points.
        camera: the camera.
        size: mean side of the person's box, pixels.
    """
    ray_L2 = (seen.pixel_L2 - camera.center_2) / camera.focal_px
    weight_L = seen.seen_L.astype(np.float64)
    for _ in range(ROUNDS):
        moved_L3 = point_L3 + _nearest_shift(point_L3, ray_L2, weight_L)
        depth_L1 = np.maximum(moved_L3[:, 2:], NEAR)
        error_L = np.linalg.norm(moved_L3[:, :2] / depth_L1 - ray_L2, axis=1) * camera.focal_px / size
        weight_L = seen.seen_L / (1 + (error_L / KERNEL_WIDTH) ** 2) ** 2
    if moved_L3[seen.seen_L, 2].min() < NEAR:
        return None
    moved_L3[seen.seen_L, :2] = (ray_L2 * moved_L3[:, 2:])[seen.seen_L]
    return moved_L3


def _nearest_shift(point_L3: F64, ray_L2: F64, weight_L: F64) -> F64:
    """The shift with which points are nearest to their rays (weighted least squares, linear in the shift)."""
    ones_L, zeros_L = np.ones(len(ray_L2)), np.zeros(len(ray_L2))
    slope_XY = np.concatenate([
        np.stack([ones_L, zeros_L, -ray_L2[:, 0]], axis=1), np.stack([zeros_L, ones_L, -ray_L2[:, 1]], axis=1)
    ])  # fmt: skip
    goal_X = (ray_L2 * point_L3[:, 2:] - point_L3[:, :2]).T.ravel()
    root_X = np.sqrt(np.tile(weight_L, 2))
    shift_3, *_ = np.linalg.lstsq(slope_XY * root_X[:, None], goal_X * root_X, rcond=None)
    return np.asarray(shift_3, np.float64)
