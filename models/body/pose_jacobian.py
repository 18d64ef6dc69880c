"""Places of skinned points under a reduced pose, and their analytic derivatives.

A turn of a bone by ω moves a point by ω × a. The arm a is the point's sum over this bone and all bones below it,
relative to the head of this bone. The sums over all bones below are one product with a matrix of ones and zeros.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from models.arrays import F64, Index
from models.body.open_body import load_body
from models.body.reduced_pose import TURNS, ReducedPose, driven_bones, driven_rotations
from models.body.rotation_vectors import cross_matrices, inverse_left_jacobian, left_jacobian, rotation_logarithm
from models.body.skinned_points import SkinnedPoints

CROSS = np.array(
    [[[0, 0, 0], [0, 0, 1], [0, -1, 0]], [[0, 0, -1], [0, 0, 0], [1, 0, 0]], [[0, 1, 0], [-1, 0, 0], [0, 0, 0]]], float
)
"""The permutation symbol: (a × b)[i] is the sum of CROSS[i, j, k] a[j] b[k]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointDerivatives:
    """Places of N points and their derivatives.

    Attributes:
        point_N3: metres, in the frame of the pose.
        jacobian_N3P: change with each parameter, all or some, in the order of `ReducedPose.moved`.
    """

    point_N3: F64
    jacobian_N3P: F64


@dataclass(frozen=True, slots=True, kw_only=True)
class _PosedBones:
    """Driven bones: rotations, those of their parents, places of the heads, and how these change with each score."""

    rotation_D33: F64
    above_D33: F64
    place_D3: F64
    place_CD3: F64


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tree:
    """The driven bones as a tree.

    Attributes:
        levels: bones of equal depth, from below the root.
        below_DD: 1 where the second bone is the first or hangs on it.
        step_D3, step_CD3: head relative to the parent's head, of the mean shape and of each component; 0 for the root.
    """

    levels: tuple[Index, ...]
    below_DD: F64
    step_D3: F64
    step_CD3: F64


def posed_points(points: SkinnedPoints, pose: ReducedPose) -> F64:
    """Places (N, 3) of points in the frame of the pose, metres."""
    bones = _posed_bones(pose)
    offset_NX = _offsets(points, pose).reshape(len(points.weight_ND), -1)
    return offset_NX @ _stacked(bones) + points.weight_ND @ bones.place_D3


def posed_with_derivatives(points: SkinnedPoints, pose: ReducedPose) -> PointDerivatives:
    """Places of points and their change with every parameter of the pose."""
    bones, tree, driven = _posed_bones(pose), _tree(), driven_bones()
    weight_DN, count = np.ascontiguousarray(points.weight_ND.T), len(points.weight_ND)
    offset_DN3 = np.ascontiguousarray(_offsets(points, pose).transpose(1, 0, 2))
    moved_DN3 = offset_DN3 @ bones.rotation_D33.transpose(0, 2, 1) + weight_DN[:, :, None] * bones.place_D3[:, None]
    arm_DN3 = (tree.below_DD @ moved_DN3.reshape(len(moved_DN3), -1)).reshape(moved_DN3.shape)
    point_N3 = arm_DN3[0].copy()
    arm_DN3 -= (tree.below_DD @ weight_DN)[:, :, None] * bones.place_D3[:, None]
    turn_D33 = bones.above_D33 @ _shares(pose)
    crossed_D39 = np.einsum("ial,daj->dlij", CROSS, turn_D33).reshape(len(turn_D33), 3, 9)
    turned_RN9 = np.add.reduceat(arm_DN3 @ crossed_D39, driven.start_R, axis=0)
    turned_N3 = turned_RN9.reshape(-1, count, 3, 3).transpose(1, 2, 0, 3).reshape(count, 3, TURNS)
    components = len(points.component_CND3)
    shaped_CN3 = points.component_CND3.reshape(components * count, -1) @ _stacked(bones)
    shaped_CN3 = shaped_CN3.reshape(components, count, 3) + points.weight_ND @ bones.place_CD3
    place_N33 = np.broadcast_to(np.eye(3), (count, 3, 3))
    jacobian_N3P = np.concatenate([turned_N3, place_N33, shaped_CN3.transpose(1, 2, 0)], axis=2)
    return PointDerivatives(point_N3=point_N3, jacobian_N3P=jacobian_N3P)


def posed_with_rigid_derivatives(points: SkinnedPoints, pose: ReducedPose) -> PointDerivatives:
    """Places of points and their change with the root's turn and place (N, 3, 6): much faster than with all."""
    point_N3 = posed_points(points, pose)
    turned_N33 = -cross_matrices(point_N3 - pose.root_3)
    place_N33 = np.broadcast_to(np.eye(3), turned_N33.shape)
    return PointDerivatives(point_N3=point_N3, jacobian_N3P=np.concatenate([turned_N33, place_N33], axis=2))


def _offsets(points: SkinnedPoints, pose: ReducedPose) -> F64:
    """Offsets (N, D, 3) of the pose's shape."""
    change = pose.shape_C @ points.component_CND3.reshape(len(points.component_CND3), -1)
    return points.mean_ND3 + change.reshape(points.mean_ND3.shape)


def _stacked(bones: _PosedBones) -> F64:
    """Transposed rotations of all bones under each other (3 D, 3)."""
    return np.ascontiguousarray(bones.rotation_D33.transpose(0, 2, 1)).reshape(-1, 3)


def _posed_bones(pose: ReducedPose) -> _PosedBones:
    tree, driven = _tree(), driven_bones()
    rotation_D33 = driven_rotations(pose.rotation_R33)
    above_D33 = np.tile(np.eye(3), (len(rotation_D33), 1, 1))
    for level in tree.levels:
        above_D33[level] = rotation_D33[driven.parent_D[level]]
        rotation_D33[level] = above_D33[level] @ rotation_D33[level]
    step_D3 = tree.step_D3 + np.tensordot(pose.shape_C, tree.step_CD3, axes=1)
    reached_DX = np.concatenate([step_D3[None], tree.step_CD3]).transpose(1, 2, 0)
    place_D3X = (tree.below_DD.T @ (above_D33 @ reached_DX).reshape(len(step_D3), -1)).reshape(len(step_D3), 3, -1)
    return _PosedBones(
        rotation_D33=rotation_D33, above_D33=above_D33, place_D3=place_D3X[:, :, 0] + pose.root_3,
        place_CD3=place_D3X[:, :, 1:].transpose(2, 0, 1),
    )


def _shares(pose: ReducedPose) -> F64:
    """How each driven bone turns as its rotation R turns: exp(δ)·R turns the bone by exp(S δ), (D, 3, 3)."""
    driven = driven_bones()
    share_D33 = np.tile(np.eye(3), (len(driven.bone_D), 1, 1))
    shared = np.flatnonzero(driven.share_D < 1)
    vector_S3 = rotation_logarithm(pose.rotation_R33[driven.group_D[shared]])
    part_S = driven.share_D[shared]
    whole_S33 = inverse_left_jacobian(vector_S3)
    share_D33[shared] = part_S[:, None, None] * left_jacobian(part_S[:, None] * vector_S3) @ whole_S33
    return share_D33


@cache
def _tree() -> _Tree:
    body, driven = load_body(), driven_bones()
    bones, parent_D = len(driven.bone_D), driven.parent_D
    below_DD, depth_D = np.eye(bones), np.zeros(bones, np.int64)
    for bone in range(1, bones):
        depth_D[bone] = depth_D[parent_D[bone]] + 1
        below_DD[:, bone] += below_DD[:, parent_D[bone]]
    head_XD3 = np.concatenate([body.bone_mean_B3[None], body.bone_component_CB3]).astype(np.float64)[:, driven.bone_D]
    step_XD3 = head_XD3 - head_XD3[:, parent_D]
    step_XD3[:, 0] = 0
    return _Tree(
        levels=tuple(np.flatnonzero(depth_D == depth) for depth in range(1, depth_D.max() + 1)), below_DD=below_DD,
        step_D3=step_XD3[0], step_CD3=step_XD3[1:],
    )
