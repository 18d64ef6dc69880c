"""The pose of the open body whose skin is nearest to a predicted low-poly mesh."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from scipy.spatial.transform import Rotation

from models.arrays import F64, Index
from models.body.low_poly import load_low_poly
from models.body.open_body import load_body
from models.body.pose_jacobian import posed_points, posed_with_derivatives
from models.body.reduced_pose import ReducedPose
from models.body.rotation_vectors import rotation_logarithm
from models.body.skinned_points import SkinnedPoints, vertex_points
from models.fitting.correspondences import FINGER_SHARE
from models.fitting.initial_poses import pose_at_origin
from models.fitting.least_squares import POSE, SHAPE, PoseGaussian

VERTEX_SPREAD_M, INDEPENDENT_VERTICES = 0.03, 60.0
"""Standard deviation of a predicted vertex, metres. Errors of neighbours are alike, so all vertices together weigh as
much as this number of independent ones."""
VERTEX_STRIDE = 3
"""Every third vertex is used: more cost time and change nothing."""
STEPS, DAMPING, CONVERGED = 4, 1e-3, 2e-3
"""Maximum number of Gauss–Newton steps, their relative damping, and the relative fall of the squared distance below
which they end."""
TRUNK_BONES = ("root", "spine05", "spine04", "spine03", "spine02", "spine01")
LIMB_BONES = ("upperarm", "lowerarm", "upperleg", "lowerleg")


def pose_of_mesh(point_L3: F64, prior: PoseGaussian) -> ReducedPose:
    """The reduced pose in the frame of the mesh, by Gauss–Newton. Vertices of the fingers are not used.

    Args:
        point_L3: the predicted low-poly vertices, metres.
        prior: the prior of poses, which decides what the mesh leaves open.
    """
    skin, used = _skin()
    goal_N3 = point_L3[used]
    pose = _upright(goal_N3, prior)
    weight, previous = INDEPENDENT_VERTICES / len(used) / VERTEX_SPREAD_M**2, np.inf
    for _ in range(STEPS):
        posed = posed_with_derivatives(skin, pose)
        slope_YX = posed.jacobian_N3X.reshape(-1, posed.jacobian_N3X.shape[2])
        error_N3 = posed.point_N3 - goal_N3
        hessian_XX, gradient_X = weight * (slope_YX.T @ slope_YX), weight * (error_N3.ravel() @ slope_YX)
        vector_X = rotation_logarithm(pose.rotation_R33[1:]).ravel() - prior.mean_X
        hessian_XX[POSE, POSE] += prior.precision_XX
        gradient_X[POSE] += prior.precision_XX @ vector_X
        hessian_XX[SHAPE, SHAPE] += np.eye(len(pose.shape_C))
        gradient_X[SHAPE] += pose.shape_C
        hessian_XX += DAMPING * np.diag(np.diag(hessian_XX))
        pose = pose.moved(np.asarray(-np.linalg.solve(hessian_XX, gradient_X), np.float64))
        squared = float(np.square(error_N3).sum())
        if squared > (1 - CONVERGED) * previous:
            break
        previous = squared
    return pose


def limb_error(point_L3: F64, pose: ReducedPose) -> float:
    """How far the part of a limb that agrees least with a predicted mesh is from it, metres, relative to the trunk.

    Args:
        point_L3: the predicted low-poly vertices, metres.
        pose: a pose of the same person, in the same axes.
    """
    skin, used = _skin()
    trunk = _trunk()
    between_N3 = posed_points(skin, pose) - point_L3[used]
    gap_N = np.linalg.norm(between_N3 - between_N3[trunk].mean(axis=0), axis=1)
    return max(float(gap_N[limb].mean()) for limb in _limbs())


def _upright(goal_N3: F64, prior: PoseGaussian) -> ReducedPose:
    """The mean pose, rotated and moved so that its trunk is nearest to the mesh's trunk (Kabsch, 1976)."""
    skin, _ = _skin()
    resting = pose_at_origin(prior.mean_X)
    trunk = _trunk()
    body_N3, mesh_N3 = posed_points(skin, resting)[trunk], goal_N3[trunk]
    turn_33 = Rotation.align_vectors(mesh_N3 - mesh_N3.mean(0), body_N3 - body_N3.mean(0))[0].as_matrix()
    rotation_R33 = resting.rotation_R33.copy()
    rotation_R33[0] = turn_33 @ rotation_R33[0]
    turned = replace(resting, rotation_R33=rotation_R33)
    return replace(turned, root_3=mesh_N3.mean(0) - posed_points(skin, turned)[trunk].mean(0))


@cache
def _skin() -> tuple[SkinnedPoints, Index]:
    """The low-poly vertices that are used, as points of the skin, and their indices."""
    body, vertex_L = load_body(), load_low_poly().vertex_L
    fingers = [b for b, name in enumerate(body.bones) if name.startswith("finger")]
    used = np.flatnonzero(body.weight_VB[vertex_L][:, fingers].sum(axis=1) < FINGER_SHARE)[::VERTEX_STRIDE]
    return vertex_points(vertex_L[used]), used


@cache
def _trunk() -> Index:
    """Indices of those used vertices that move mostly with the bones of the trunk."""
    return _moved_by(TRUNK_BONES)


@cache
def _limbs() -> tuple[Index, ...]:
    """The same for the upper and the lower part of each limb."""
    names = load_body().bones
    return tuple(
        _moved_by([name for name in names if name.startswith(limb) and name.endswith(side)])
        for limb in LIMB_BONES
        for side in (".L", ".R")
    )


def _moved_by(bones: Sequence[str]) -> Index:
    """Indices of those used vertices that move mostly with some bones."""
    body, (_, used) = load_body(), _skin()
    weight_NB = body.weight_VB[load_low_poly().vertex_L[used]]
    return np.flatnonzero(weight_NB[:, [body.bone(name) for name in bones]].sum(axis=1) > 0.5)
