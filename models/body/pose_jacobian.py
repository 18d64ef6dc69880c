"""Positions of skinned points of a reduced pose, and their analytic derivatives.

A small rotation ω of a bone moves a point by ω × a. The lever arm a is the vector from the head of the bone to the
point, as far as this bone and the bones below it move the point. The sums over all bones below a bone are one product
with a matrix of ones and zeros.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from models.arrays import F64, Index
from models.body.open_body import load_body
from models.body.reduced_pose import ROTATION_PARAMETERS, ReducedPose, driven_bones, shared_bones
from models.body.rotation_vectors import (
    inverse_left_jacobian,
    left_jacobian,
    rotation_exponential,
)
from models.body.skinned_points import SkinnedPoints

CROSS = np.array(
    [[[0, 0, 0], [0, 0, 1], [0, -1, 0]], [[0, 0, -1], [0, 0, 0], [1, 0, 0]], [[0, 1, 0], [-1, 0, 0], [0, 0, 0]]], float
)
"""The permutation symbol: (a × b)[i] is the sum of CROSS[i, j, k] a[j] b[k]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointDerivatives:
    """Positions of N points and their derivatives.

    Attributes:
        point_N3: metres, in the frame of the pose.
        jacobian_N3X: derivative by each parameter, in the order of `ReducedPose.moved`.
    """

    point_N3: F64
    jacobian_N3X: F64


@dataclass(frozen=True, slots=True, kw_only=True)
class _PosedBones:
    """The driven bones of a pose.

    Attributes:
        rotation_D33: rotation of each bone in the frame of the pose.
        parent_rotation_D33: rotation of its parent.
        position_D3: position of its head, metres.
        position_CD3: derivative of these positions by each shape score.
    """

    rotation_D33: F64
    parent_rotation_D33: F64
    position_D3: F64
    position_CD3: F64


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tree:
    """The driven bones as a tree.

    Several bones of the spine, and of the neck, share one rotation: each takes an equal part of it.

    Attributes:
        levels: bones of equal depth; bones that share a rotation have the same depth.
        below_DD: 1 where the second bone is the first one, or is below it; else 0.
        step_D3, step_CD3: vector from the parent's head to the bone's head in the rest pose, of the mean shape and of
            each component; 0 for the root.
        rotation_parent_D: parent of the first bone that shares the rotation of this bone.
        rotation_share_D: the part of the rotation that this bone and those before it take, relative to that parent.
    """

    levels: tuple[Index, ...]
    below_DD: F64
    step_D3: F64
    step_CD3: F64
    rotation_share_D: F64
    rotation_parent_D: Index


class PosedPoints:
    """N points of the skin in a pose: their positions and, on demand, the parts of their derivatives."""

    def __init__(self, points: SkinnedPoints, pose: ReducedPose) -> None:
        self.points, self.pose = points, pose
        self._bones = _posed_bones(pose, len(points.component_CD3N) > 0)
        self._offset_D3N = points.offset_D3N
        if len(points.component_CD3N):
            change = pose.shape_C @ points.component_CD3N.reshape(len(pose.shape_C), -1)
            self._offset_D3N = points.offset_D3N + change.reshape(points.offset_D3N.shape)

    @cached_property
    def positions(self) -> F64:
        """Positions (3, N) in the frame of the pose, metres."""
        offset_XN = self._offset_D3N.reshape(-1, self.points.weight_DN.shape[1])
        return np.asarray(
            self._bones.rotation_D33.transpose(1, 0, 2).reshape(3, -1) @ offset_XN
            + self._bones.position_D3.T @ self.points.weight_DN
        )

    @property
    def lever_arms(self) -> F64:
        """Lever arms (D, 3, N): from the head of each driven bone to each point, as far as it moves with the bone."""
        bones, tree, weight_DN = self._bones, _tree(), self.points.weight_DN
        moved_D3N = bones.rotation_D33 @ self._offset_D3N
        moved_D3N += bones.position_D3[:, :, None] * weight_DN[:, None]
        lever_arm_D3N = (tree.below_DD @ moved_D3N.reshape(len(moved_D3N), -1)).reshape(moved_D3N.shape)
        lever_arm_D3N -= bones.position_D3[:, :, None] * (tree.below_DD @ weight_DN)[:, None]
        return np.asarray(lever_arm_D3N)

    @cached_property
    def basis(self) -> F64:
        """Derivative (3 D + 3 + C, X) of bone rotations, root position and shape by the parameters of the pose.

        The rows are those of `position_jacobian` and `projection_jacobian`, the columns those of `ReducedPose.moved`.
        """
        bones, components = len(driven_bones().bone_D), len(self.points.component_CD3N)
        basis_YX = np.zeros((3 * bones + 3 + components, ROTATION_PARAMETERS + 3 + components))
        rotation_D3R3 = basis_YX[: 3 * bones, :ROTATION_PARAMETERS].reshape(bones, 3, -1, 3)
        rotation_D3R3[np.arange(bones), :, driven_bones().group_D] = self._rotation_derivatives()
        rest = np.arange(3 + components)
        basis_YX[3 * bones + rest, ROTATION_PARAMETERS + rest] = 1
        return basis_YX

    @property
    def shape_jacobian(self) -> F64:
        """Derivative (C, 3, N) of the positions by each score of the shape."""
        components, bones, _, count = self.points.component_CD3N.shape
        component_CXN = self.points.component_CD3N.reshape(components, 3 * bones, count)
        turned_3X = np.ascontiguousarray(self._bones.rotation_D33.transpose(1, 0, 2)).reshape(3, -1)
        head_C3D = self._bones.position_CD3.transpose(0, 2, 1)
        return np.asarray(turned_3X @ component_CXN + head_C3D @ self.points.weight_DN)

    def _rotation_derivatives(self) -> F64:
        """Matrices A (D, 3, 3): if the rotation R of a driven bone becomes exp(δ)·R, the bone rotates by exp(A δ).

        A δ is in the frame of the pose.
        """
        derivative_D33 = self._bones.parent_rotation_D33.copy()
        shared = shared_bones()
        vector_S3 = self.pose.vectors[driven_bones().group_D[shared]]
        share_S = driven_bones().share_D[shared]
        whole_S33 = inverse_left_jacobian(vector_S3)
        part_S33 = share_S[:, None, None] * left_jacobian(share_S[:, None] * vector_S3) @ whole_S33
        derivative_D33[shared] = derivative_D33[shared] @ part_S33
        return derivative_D33


def posed_points(points: SkinnedPoints, pose: ReducedPose) -> F64:
    """Positions (N, 3) of points in the frame of the pose, metres."""
    return PosedPoints(points, pose).positions.T


def posed_with_derivatives(points: SkinnedPoints, pose: ReducedPose) -> PointDerivatives:
    """Positions of points and their derivatives by every parameter of the pose."""
    posed = PosedPoints(points, pose)
    row_Y3N, basis_YX = position_jacobian(posed.lever_arms, posed.shape_jacobian), posed.basis
    jacobian_3NX = (row_Y3N.reshape(len(row_Y3N), -1).T @ basis_YX).reshape(3, -1, basis_YX.shape[1])
    return PointDerivatives(point_N3=posed.positions.T, jacobian_N3X=jacobian_3NX.transpose(1, 0, 2))


def position_jacobian(lever_arm_D3N: F64, shape_jacobian_C3N: F64) -> F64:
    """Derivatives of the positions of N points (3 D + 3 + C, 3, N).

    They are by small rotations of each driven bone in the frame of the pose, by the root's position, and by each shape
    score.

    Args:
        lever_arm_D3N, shape_jacobian_C3N: `PosedPoints.lever_arms` and `PosedPoints.shape_jacobian`.
    """
    bones, _, count = lever_arm_D3N.shape
    turned_Y3N = np.einsum("ijk,dkn->djin", CROSS, lever_arm_D3N).reshape(3 * bones, 3, count)
    position_33N = np.broadcast_to(np.eye(3)[:, :, None], (3, 3, count))
    return np.concatenate([turned_Y3N, position_33N, shape_jacobian_C3N])


def projection_jacobian(lever_arm_D3N: F64, shape_jacobian_C3N: F64, scale_N: F64, ray_2N: F64) -> F64:
    """Derivatives of the scaled projections of N points (3 D + 3 + C, 2 N), by the same as in `position_jacobian`.

    Args:
        lever_arm_D3N, shape_jacobian_C3N: `PosedPoints.lever_arms` and `PosedPoints.shape_jacobian`.
        scale_N: units of the result per metre at the depth of each point.
        ray_2N: x and y of the points, divided by their depth.

    Returns: columns are the x of all points, then their y.
    """
    bones, _, count = lever_arm_D3N.shape
    lever_arm_D3N = lever_arm_D3N * scale_N
    row_X2N: F64 = np.empty((3 * bones + 3 + len(shape_jacobian_C3N), 2, count))
    turned_D32N = row_X2N[: 3 * bones].reshape(bones, 3, 2, count)
    np.multiply(lever_arm_D3N[:, 1, None], -ray_2N, out=turned_D32N[:, 0])
    np.multiply(lever_arm_D3N[:, 0, None], ray_2N, out=turned_D32N[:, 1])
    turned_D32N[:, 0, 1] -= lever_arm_D3N[:, 2]
    turned_D32N[:, 1, 0] += lever_arm_D3N[:, 2]
    np.negative(lever_arm_D3N[:, 1], out=turned_D32N[:, 2, 0])
    turned_D32N[:, 2, 1] = lever_arm_D3N[:, 0]
    position_32N = row_X2N[3 * bones : 3 * bones + 3]
    position_32N[:2] = np.eye(2)[:, :, None] * scale_N
    position_32N[2] = -ray_2N * scale_N
    row_X2N[3 * bones + 3 :] = (shape_jacobian_C3N[:, :2] - ray_2N * shape_jacobian_C3N[:, 2:]) * scale_N
    return row_X2N.reshape(len(row_X2N), -1)


def _posed_bones(pose: ReducedPose, shaped: bool) -> _PosedBones:
    """The driven bones of a pose; only with `shaped` their positions' derivatives by the shape are computed."""
    tree, driven = _tree(), driven_bones()
    rotation_D33 = pose.rotation_R33[driven.group_D]
    shared = shared_bones()
    share_S1 = tree.rotation_share_D[shared, None]
    rotation_D33[shared] = rotation_exponential(share_S1 * pose.vectors[driven.group_D[shared]])
    for level in tree.levels:
        rotation_D33[level] = rotation_D33[tree.rotation_parent_D[level]] @ rotation_D33[level]
    parent_rotation_D33 = rotation_D33[driven.parent_D]
    parent_rotation_D33[0] = np.eye(3)
    step_D3X = (tree.step_D3 + np.tensordot(pose.shape_C, tree.step_CD3, axes=1))[:, :, None]
    if shaped:
        step_D3X = np.concatenate([step_D3X, tree.step_CD3.transpose(1, 2, 0)], axis=2)
    rotated_DX = (parent_rotation_D33 @ step_D3X).reshape(len(step_D3X), -1)
    position_D3X = (tree.below_DD.T @ rotated_DX).reshape(step_D3X.shape)
    return _PosedBones(
        rotation_D33=rotation_D33, parent_rotation_D33=parent_rotation_D33,
        position_D3=position_D3X[:, :, 0] + pose.root_3, position_CD3=position_D3X[:, :, 1:].transpose(2, 0, 1),
    )


@cache
def _tree() -> _Tree:
    body, driven = load_body(), driven_bones()
    bones, parent_D, group_D = len(driven.bone_D), driven.parent_D, driven.group_D
    below_DD, depth_D = np.eye(bones), np.zeros(bones, np.int64)
    rotation_share_D, rotation_parent_D = driven.share_D.copy(), parent_D.astype(np.int64)
    for bone in range(1, bones):
        parent = parent_D[bone]
        below_DD[:, bone] += below_DD[:, parent]
        depth_D[bone] = depth_D[parent] + 1
        if group_D[bone] == group_D[parent]:
            depth_D[bone], rotation_parent_D[bone] = depth_D[parent], rotation_parent_D[parent]
            rotation_share_D[bone] += rotation_share_D[parent]
    head_XD3 = np.concatenate([body.bone_mean_B3[None], body.bone_component_CB3]).astype(np.float64)[:, driven.bone_D]
    step_XD3 = head_XD3 - head_XD3[:, parent_D]
    step_XD3[:, 0] = 0
    return _Tree(
        levels=tuple(np.flatnonzero(depth_D == depth) for depth in range(1, depth_D.max() + 1)), below_DD=below_DD,
        step_D3=step_XD3[0], step_CD3=step_XD3[1:], rotation_share_D=rotation_share_D,
        rotation_parent_D=rotation_parent_D,
    )
