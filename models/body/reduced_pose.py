"""The pose that a fit changes: 19 rotations, a position and a shape.

The bones of the spine share one rotation, and so do those of the neck: each takes an equal part of it. All other bones
keep their rotation in the rest pose.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from models.arrays import F64, I32, Index
from models.body.body_pose import BodyPose
from models.body.open_body import load_body
from models.body.rotation_vectors import rotation_exponential, rotation_logarithm

SPINE = ("spine05", "spine04", "spine03", "spine02", "spine01")
NECK = ("neck01", "neck02", "neck03", "head")
LIMBS = (
    *("clavicle", "upperarm01", "lowerarm01", "lowerarm02", "wrist"),
    *("upperleg01", "lowerleg01", "foot"),
)
ROTATIONS = ("root", "spine", "neck", *(f"{name}.{side}" for side in "LR" for name in LIMBS))
"""Names of the rotations: `spine`, `neck`, and the names of single bones."""
ROTATION_PARAMETERS = 3 * len(ROTATIONS)
ROOT_POSITION = slice(ROTATION_PARAMETERS, ROTATION_PARAMETERS + 3)
"""Indices of the root's position. The parameters are three numbers of each rotation, the position, the shape scores."""


@dataclass(frozen=True, kw_only=True)
class ReducedPose:
    """A pose of few parameters.

    Attributes:
        rotation_R33: the rotations of `ROTATIONS`, each relative to the parent bone, in the body's rest axes.
        root_3, shape_C: as in `BodyPose`.
    """

    rotation_R33: F64
    root_3: F64
    shape_C: F64

    @cached_property
    def vectors(self) -> F64:
        """The rotations as rotation vectors, radians."""
        return rotation_logarithm(self.rotation_R33)

    def moved(self, step_X: F64) -> ReducedPose:
        """The pose after a step of all parameters: R ← exp(δ)·R for rotations, a sum for position and shape."""
        turn_R33 = rotation_exponential(step_X[:ROTATION_PARAMETERS].reshape(-1, 3))
        return ReducedPose(
            rotation_R33=turn_R33 @ self.rotation_R33, root_3=self.root_3 + step_X[ROOT_POSITION],
            shape_C=self.shape_C + step_X[ROOT_POSITION.stop :],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DrivenBones:
    """The D driven bones: those that `ROTATIONS` rotate. Parents come first.

    Attributes:
        bone_D: index of the bone in the body.
        parent_D: index of the nearest driven bone above it; −1 for the root.
        group_D: index of the rotation that rotates the bone.
        share_D: the part of that rotation that the bone takes, 0..1.
        carrier_B: for each bone of the body the driven bone with which it moves.
        start_R: for each rotation its first driven bone.
    """

    bone_D: I32
    parent_D: I32
    group_D: I32
    share_D: F64
    carrier_B: I32
    start_R: I32


@cache
def driven_bones() -> DrivenBones:
    """The driven bones of the open body."""
    body = load_body()
    groups = [{"spine": SPINE, "neck": NECK}.get(name, (name,)) for name in ROTATIONS]
    bones = [body.bone(name) for group in groups for name in group]
    carrier_B: list[int] = []
    for bone, parent in enumerate(body.parent_B.tolist()):
        carrier_B.append(bones.index(bone) if bone in bones else carrier_B[parent])
    above = [int(body.parent_B[bone]) for bone in bones]
    sizes = np.array([len(group) for group in groups])
    return DrivenBones(
        bone_D=np.array(bones, np.int32),
        parent_D=np.array([carrier_B[parent] if parent >= 0 else -1 for parent in above], np.int32),
        group_D=np.repeat(np.arange(len(groups)), sizes).astype(np.int32), share_D=1 / np.repeat(sizes, sizes),
        carrier_B=np.array(carrier_B, np.int32), start_R=(np.cumsum(sizes) - sizes).astype(np.int32),
    )


@cache
def driven_weights() -> F64:
    """Skin weights (V, D) of the driven bones; rows sum to 1."""
    weight_VD = np.zeros((len(load_body().mean_V3), len(driven_bones().bone_D)))
    np.add.at(weight_VD.T, driven_bones().carrier_B, load_body().weight_VB.T.astype(np.float64))
    return weight_VD


@cache
def shared_bones() -> Index:
    """Indices of the driven bones that take only a part of a rotation."""
    return np.flatnonzero(driven_bones().share_D < 1)


def driven_rotations(pose: ReducedPose) -> F64:
    """Rotations of the driven bones (D, 3, 3) relative to their parents."""
    driven, shared = driven_bones(), shared_bones()
    rotation_D33 = pose.rotation_R33[driven.group_D]
    vector_S3 = pose.vectors[driven.group_D[shared]] * driven.share_D[shared, None]
    rotation_D33[shared] = rotation_exponential(vector_S3)
    return rotation_D33


def whole_pose(reduced: ReducedPose) -> BodyPose:
    """The same pose bone by bone."""
    rotation_B33 = np.tile(np.eye(3, dtype=np.float32), (len(load_body().bones), 1, 1))
    rotation_B33[driven_bones().bone_D] = driven_rotations(reduced)
    return BodyPose(
        rotation_B33=rotation_B33, root_3=reduced.root_3.astype(np.float32), shape_C=reduced.shape_C.astype(np.float32)
    )


def reduced_pose(pose: BodyPose) -> ReducedPose:
    """The nearest reduced pose. The rotations of spine and neck are the products of those of their bones."""
    driven = driven_bones()
    rotation_D33 = pose.rotation_B33[driven.bone_D].astype(np.float64)
    rotation_R33 = rotation_D33[driven.start_R]
    for bone in shared_bones().tolist():
        group = driven.group_D[bone]
        if bone != driven.start_R[group]:
            rotation_R33[group] = rotation_R33[group] @ rotation_D33[bone]
    return ReducedPose(
        rotation_R33=rotation_R33, root_3=pose.root_3.astype(np.float64), shape_C=pose.shape_C.astype(np.float64)
    )
