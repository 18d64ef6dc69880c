"""Places of skinned points under a reduced pose, and their analytic derivatives.

A turn of a bone by ω moves a point by ω × a. The arm a is the point's sum over this bone and all bones below it,
relative to the head of this bone. The sums over all bones below are one product with a matrix of ones and zeros.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from models.arrays import F64, Index
from models.body.open_body import load_body
from models.body.reduced_pose import TURNS, ReducedPose, driven_bones, shared_bones
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
        levels: bones of equal depth, where the bones of one rotation count as one.
        below_DD: 1 where the second bone is the first or hangs on it.
        step_D3, step_CD3: head relative to the parent's head, of the mean shape and of each component; 0 for the root.
        part_D: part of the bone's rotation by which the bone is turned against the parent of its first bone.
        onto_D: this parent.
    """

    levels: tuple[Index, ...]
    below_DD: F64
    step_D3: F64
    step_CD3: F64
    part_D: F64
    onto_D: Index


class PosedPoints:
    """Points under a pose: their places, and on demand what their derivatives are made of."""

    def __init__(self, points: SkinnedPoints, pose: ReducedPose) -> None:
        self.points, self.pose = points, pose
        self._bones = _posed_bones(pose, len(points.component_CD3N) > 0)
        self._offset_D3N = points.offset_D3N
        if len(points.component_CD3N):
            change = pose.shape_C @ points.component_CD3N.reshape(len(pose.shape_C), -1)
            self._offset_D3N = points.offset_D3N + change.reshape(points.offset_D3N.shape)

    @cached_property
    def places(self) -> F64:
        """Places in the frame of the pose, metres."""
        offset_XN = self._offset_D3N.reshape(-1, self.points.weight_DN.shape[1])
        return np.asarray(
            self._bones.rotation_D33.transpose(1, 0, 2).reshape(3, -1) @ offset_XN
            + self._bones.place_D3.T @ self.points.weight_DN
        )

    @property
    def arms(self) -> F64:
        """From the head of each driven bone to the part of the point that moves with the bone."""
        bones, tree, weight_DN = self._bones, _tree(), self.points.weight_DN
        moved_D3N = bones.rotation_D33 @ self._offset_D3N
        moved_D3N += bones.place_D3[:, :, None] * weight_DN[:, None]
        arm_D3N = (tree.below_DD @ moved_D3N.reshape(len(moved_D3N), -1)).reshape(moved_D3N.shape)
        arm_D3N -= bones.place_D3[:, :, None] * (tree.below_DD @ weight_DN)[:, None]
        return np.asarray(arm_D3N)

    @cached_property
    def basis(self) -> F64:
        """How turns of the driven bones, the place and the shape change with the parameters of `ReducedPose.moved`.

        The rows (3 D + 3 + C) are those of `place_rows` and `projected_rows`.
        """
        bones, components = len(driven_bones().bone_D), len(self.points.component_CD3N)
        basis_YP = np.zeros((3 * bones + 3 + components, TURNS + 3 + components))
        own_D3R3 = basis_YP[: 3 * bones, :TURNS].reshape(bones, 3, -1, 3)
        own_D3R3[np.arange(bones), :, driven_bones().group_D] = self._turns()
        rest = np.arange(3 + components)
        basis_YP[3 * bones + rest, TURNS + rest] = 1
        return basis_YP

    @property
    def shaped(self) -> F64:
        """Change of the places with each score of the shape."""
        components, bones, _, count = self.points.component_CD3N.shape
        component_CXN = self.points.component_CD3N.reshape(components, 3 * bones, count)
        turned_3X = np.ascontiguousarray(self._bones.rotation_D33.transpose(1, 0, 2)).reshape(3, -1)
        return np.asarray(turned_3X @ component_CXN + self._bones.place_CD3.transpose(0, 2, 1) @ self.points.weight_DN)

    def _turns(self) -> F64:
        """How each driven bone turns: exp(δ)·R of its rotation R turns it by exp(turn δ), in the frame of the pose."""
        turn_D33 = self._bones.above_D33.copy()
        shared = shared_bones()
        vector_S3 = self.pose.vectors[driven_bones().group_D[shared]]
        part_S = driven_bones().share_D[shared]
        whole_S33 = inverse_left_jacobian(vector_S3)
        share_S33 = part_S[:, None, None] * left_jacobian(part_S[:, None] * vector_S3) @ whole_S33
        turn_D33[shared] = turn_D33[shared] @ share_S33
        return turn_D33


def posed_points(points: SkinnedPoints, pose: ReducedPose) -> F64:
    """Places (N, 3) of points in the frame of the pose, metres."""
    return PosedPoints(points, pose).places.T


def posed_with_derivatives(points: SkinnedPoints, pose: ReducedPose) -> PointDerivatives:
    """Places of points and their change with every parameter of the pose."""
    posed = PosedPoints(points, pose)
    row_Y3N, basis_YP = place_rows(posed.arms, posed.shaped), posed.basis
    jacobian_3NP = (row_Y3N.reshape(len(row_Y3N), -1).T @ basis_YP).reshape(3, -1, basis_YP.shape[1])
    return PointDerivatives(point_N3=posed.places.T, jacobian_N3P=jacobian_3NP.transpose(1, 0, 2))


def place_rows(arm_D3N: F64, shaped_C3N: F64) -> F64:
    """Change of places (3 D + 3 + C, 3, N) with turns in the frame of the pose, with the place, and with the shape."""
    bones, _, count = arm_D3N.shape
    turned_Y3N = np.einsum("ijk,dkn->djin", CROSS, arm_D3N).reshape(3 * bones, 3, count)
    place_33N = np.broadcast_to(np.eye(3)[:, :, None], (3, 3, count))
    return np.concatenate([turned_Y3N, place_33N, shaped_C3N])


def projected_rows(arm_D3N: F64, shaped_C3N: F64, scale_N: F64, ray_2N: F64) -> F64:
    """Change of scaled places in the picture with what moves places in `place_rows`.

    Args:
        arm_D3N, shaped_C3N: as of `PosedPoints`.
        scale_N: units of the result a metre at each point's depth.
        ray_2N: x and y of the points over their depth.

    Returns: (3 D + 3 + C, 2 N): x of all points, then y.
    """
    bones, _, count = arm_D3N.shape
    arm_D3N = arm_D3N * scale_N
    row_X2N: F64 = np.empty((3 * bones + 3 + len(shaped_C3N), 2, count))
    turned_D32N = row_X2N[: 3 * bones].reshape(bones, 3, 2, count)
    np.multiply(arm_D3N[:, 1, None], -ray_2N, out=turned_D32N[:, 0])
    np.multiply(arm_D3N[:, 0, None], ray_2N, out=turned_D32N[:, 1])
    turned_D32N[:, 0, 1] -= arm_D3N[:, 2]
    turned_D32N[:, 1, 0] += arm_D3N[:, 2]
    np.negative(arm_D3N[:, 1], out=turned_D32N[:, 2, 0])
    turned_D32N[:, 2, 1] = arm_D3N[:, 0]
    place_32N = row_X2N[3 * bones : 3 * bones + 3]
    place_32N[:2] = np.eye(2)[:, :, None] * scale_N
    place_32N[2] = -ray_2N * scale_N
    row_X2N[3 * bones + 3 :] = (shaped_C3N[:, :2] - ray_2N * shaped_C3N[:, 2:]) * scale_N
    return row_X2N.reshape(len(row_X2N), -1)


def _posed_bones(pose: ReducedPose, shaped: bool) -> _PosedBones:
    """The driven bones; where they are not `shaped`, without the change of their places with the shape."""
    tree, driven = _tree(), driven_bones()
    rotation_D33 = pose.rotation_R33[driven.group_D]
    shared = shared_bones()
    rotation_D33[shared] = rotation_exponential(tree.part_D[shared, None] * pose.vectors[driven.group_D[shared]])
    for level in tree.levels:
        rotation_D33[level] = rotation_D33[tree.onto_D[level]] @ rotation_D33[level]
    above_D33 = rotation_D33[driven.parent_D]
    above_D33[0] = np.eye(3)
    step_D3X = (tree.step_D3 + np.tensordot(pose.shape_C, tree.step_CD3, axes=1))[:, :, None]
    if shaped:
        step_D3X = np.concatenate([step_D3X, tree.step_CD3.transpose(1, 2, 0)], axis=2)
    place_D3X = (tree.below_DD.T @ (above_D33 @ step_D3X).reshape(len(step_D3X), -1)).reshape(step_D3X.shape)
    return _PosedBones(
        rotation_D33=rotation_D33, above_D33=above_D33, place_D3=place_D3X[:, :, 0] + pose.root_3,
        place_CD3=place_D3X[:, :, 1:].transpose(2, 0, 1),
    )


@cache
def _tree() -> _Tree:
    body, driven = load_body(), driven_bones()
    bones, parent_D, group_D = len(driven.bone_D), driven.parent_D, driven.group_D
    below_DD, depth_D = np.eye(bones), np.zeros(bones, np.int64)
    part_D, onto_D = driven.share_D.copy(), parent_D.astype(np.int64)
    for bone in range(1, bones):
        parent = parent_D[bone]
        below_DD[:, bone] += below_DD[:, parent]
        depth_D[bone] = depth_D[parent] + 1
        if group_D[bone] == group_D[parent]:
            depth_D[bone], onto_D[bone] = depth_D[parent], onto_D[parent]
            part_D[bone] += part_D[parent]
    head_XD3 = np.concatenate([body.bone_mean_B3[None], body.bone_component_CB3]).astype(np.float64)[:, driven.bone_D]
    step_XD3 = head_XD3 - head_XD3[:, parent_D]
    step_XD3[:, 0] = 0
    return _Tree(
        levels=tuple(np.flatnonzero(depth_D == depth) for depth in range(1, depth_D.max() + 1)), below_DD=below_DD,
        step_D3=step_XD3[0], step_CD3=step_XD3[1:], part_D=part_D, onto_D=onto_D,
    )
