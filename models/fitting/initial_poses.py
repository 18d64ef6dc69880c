"""Poses at which a fit starts (by PnP), and poses that have almost the same projection: limbs mirrored in depth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np

from models.arrays import F64
from models.body.body_pose import posed_bones
from models.body.camera import PinholeCamera
from models.body.open_body import load_body
from models.body.pose_jacobian import posed_points
from models.body.reduced_pose import ROTATIONS, ReducedPose, whole_pose
from models.body.rotation_vectors import rotation_exponential, shortest_rotation
from models.fitting.correspondences import Correspondences
from models.fitting.least_squares import MIN_DEPTH_M

TORSO_CHARTS = (1, 2)
MIN_PNP_POINTS = 8
"""Fewer points give no pose."""
LIMBS = (("upperarm01", "lowerarm01", "wrist"), ("upperleg01", "lowerleg01", "foot"))


def pose_at_origin(mean_X: F64) -> ReducedPose:
    """The body of mean shape in a pose given by its rotation vectors, with the root at the origin."""
    rotation_R33 = np.concatenate([np.eye(3)[None], rotation_exponential(mean_X.reshape(-1, 3))])
    components = len(load_body().component_CV3)
    return ReducedPose(rotation_R33=rotation_R33, root_3=np.zeros(3), shape_C=np.zeros(components))


def pnp_poses(seen: Correspondences, camera: PinholeCamera, mean_X: F64) -> list[ReducedPose]:
    """The mean pose with the root's rotation and position from SQPnP (Terzakis and Lourakis, ECCV 2020).

    One pose uses the points of the torso, the other all points. A pose is left out where PnP finds no solution.
    """
    resting = pose_at_origin(mean_X)
    point_N3 = posed_points(seen.skin, resting)
    chosen = [np.isin(seen.chart_N, TORSO_CHARTS), np.ones(len(point_N3), bool)]
    found = [_pnp_pose(resting, point_N3[used_N], seen.pixel_N2[used_N], camera) for used_N in chosen]
    return [pose for pose in found if pose is not None]


def _pnp_pose(resting: ReducedPose, point_N3: F64, pixel_N2: F64, camera: PinholeCamera) -> ReducedPose | None:
    if len(point_N3) < MIN_PNP_POINTS:
        return None
    focal, (x, y) = camera.focal_px, np.asarray(camera.center_2, np.float64)
    matrix_33 = np.array([[focal, 0, x], [0, focal, y], [0, 0, 1]])
    try:
        ok, turn_3, place_3 = cv2.solvePnP(
            np.ascontiguousarray(point_N3), np.ascontiguousarray(pixel_N2), matrix_33, None, flags=cv2.SOLVEPNP_SQPNP
        )
    except cv2.error:  # The points nearly coincide.
        return None
    if not ok or not np.isfinite(place_3).all() or place_3[2, 0] < MIN_DEPTH_M:
        return None
    rotation_R33 = resting.rotation_R33.copy()
    rotation_R33[0] = cv2.Rodrigues(turn_3)[0]
    return replace(resting, rotation_R33=rotation_R33, root_3=np.asarray(place_3[:, 0], np.float64))


def flipped_limbs(pose: ReducedPose) -> Iterator[ReducedPose]:
    """The poses in which one arm or leg is mirrored in depth: its upper part, its lower part, or both.

    A limb that points away from the camera has almost the same projection as one that points towards it.
    """
    body = load_body()
    turned_B33, placed_B3 = posed_bones(whole_pose(pose))
    turned_B33, placed_B3 = turned_B33.astype(np.float64), placed_B3.astype(np.float64)
    for limb in LIMBS:
        for side in "LR":
            names = [f"{bone}.{side}" for bone in limb]
            upper, lower, end = (body.bone(name) for name in names)
            ray_3 = placed_B3[upper] / np.linalg.norm(placed_B3[upper])
            first = _mirroring(placed_B3[lower] - placed_B3[upper], ray_3)
            second = _mirroring(placed_B3[end] - placed_B3[lower], ray_3)
            above_33, still = turned_B33[body.parent_B[upper]], np.eye(3)
            for of_upper, of_lower in ((first, still), (still, second), (first, second)):
                rotation_R33 = pose.rotation_R33.copy()
                upper_33 = of_upper @ turned_B33[upper]
                rotation_R33[ROTATIONS.index(names[0])] = above_33.T @ upper_33
                # The bones between the upper and the lower part have no rotation of their own.
                rotation_R33[ROTATIONS.index(names[1])] = upper_33.T @ of_lower @ turned_B33[lower]
                yield replace(pose, rotation_R33=rotation_R33)


def _mirroring(along_3: F64, ray_3: F64) -> F64:
    """The shortest rotation from a direction to its mirror image in the plane perpendicular to the ray."""
    start_3 = along_3 / max(float(np.linalg.norm(along_3)), 1e-9)
    goal_3 = start_3 - 2 * (start_3 @ ray_3) * ray_3
    if np.linalg.norm(np.cross(start_3, goal_3)) < 1e-6:
        return np.eye(3)
    return shortest_rotation(start_3, goal_3)
