"""The low-poly body of a person in the camera's frame, from the person's predicted surface."""

from __future__ import annotations

import numpy as np

from models.arrays import F64
from models.body.camera import NEAR, PinholeCamera
from models.lift.lift_weights import LiftWeights
from models.lift.mesh_view import MeshView
from models.lift.seen_vertices import SeenVertices, SureSurface, seen_vertices

LEAST_VERTICES = 12
"""Fewer seen vertices give no body."""
ROUNDS = 3
REACH = 0.03
"""Error in the picture, as a share of the person's box, from which a vertex counts less in the body's place."""


def lifted_mesh(surface: SureSurface, camera: PinholeCamera, lift: LiftWeights) -> F64 | None:
    """The vertices (L, 3), metres; None where too little of the person is seen."""
    seen = seen_vertices(surface)
    if seen.seen_L.sum() < LEAST_VERTICES:
        return None
    view = MeshView.around(seen.pixel_L2[seen.seen_L], camera)
    point_L3 = lift.points(seen.seen_L, view.in_square(seen.pixel_L2), view.number_2).astype(np.float64) @ view.turn_33
    return placed_on_rays(point_L3, seen, camera, float(view.side_2.mean()))


def placed_on_rays(point_L3: F64, seen: SeenVertices, camera: PinholeCamera, size: float) -> F64 | None:
    """The body where its seen vertices project onto their places; None where this is behind the camera.

    Seen vertices then move, at their depth, onto the rays through their places (MeshPose, CVPR 2024, blends likewise).

    Args:
        point_L3: the body at any place, metres, in the camera's axes.
        seen: places in the picture.
        camera: of the picture.
        size: of the person's box, pixels.
    """
    ray_L2 = (seen.pixel_L2 - camera.center_2) / camera.focal_px
    weight_L = seen.seen_L.astype(np.float64)
    for _ in range(ROUNDS):
        there_L3 = point_L3 + _nearest_shift(point_L3, ray_L2, weight_L)
        depth_L1 = np.maximum(there_L3[:, 2:], NEAR)
        off_L = np.linalg.norm(there_L3[:, :2] / depth_L1 - ray_L2, axis=1) * camera.focal_px / size
        weight_L = seen.seen_L / (1 + (off_L / REACH) ** 2) ** 2
    if there_L3[seen.seen_L, 2].min() < NEAR:
        return None
    there_L3[seen.seen_L, :2] = (ray_L2 * there_L3[:, 2:])[seen.seen_L]
    return there_L3


def _nearest_shift(point_L3: F64, ray_L2: F64, weight_L: F64) -> F64:
    """The shift with which points lie nearest to their rays (weighted least squares, linear in the shift)."""
    one_L, none_L = np.ones(len(ray_L2)), np.zeros(len(ray_L2))
    slope_XY = np.concatenate([
        np.stack([one_L, none_L, -ray_L2[:, 0]], axis=1), np.stack([none_L, one_L, -ray_L2[:, 1]], axis=1)
    ])  # fmt: skip
    goal_X = (ray_L2 * point_L3[:, 2:] - point_L3[:, :2]).T.ravel()
    root_X = np.sqrt(np.tile(weight_L, 2))
    shift_3, *_ = np.linalg.lstsq(slope_XY * root_X[:, None], goal_X * root_X, rcond=None)
    return np.asarray(shift_3, np.float64)
