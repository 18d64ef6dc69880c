"""Three skeletons of captured motions: for each bone of the open body the joint that it follows."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from models.arrays import F64
from models.body.retarget import SIDES, FollowedJoint, SourceSkeleton, orthonormal_axes, rest_frames

Triple = tuple[float, float, float]

CREATOR_STANDING: dict[str, Triple] = {
    "CC_Base_Hip": (5, 0, 0),
    "CC_Base_Waist": (19, 0, 0),
    "CC_Base_Spine01": (-2.5, 0, 0),
    "CC_Base_Spine02": (-7, 0, 0),
    "CC_Base_NeckTwist01": (-4.5, 0, 0),
    "CC_Base_NeckTwist02": (13, 0, 0),
    "CC_Base_Head": (13.5, 0, 0),
    "CC_Base_L_Clavicle": (-8.6, 14.7, -87.4),
    "CC_Base_R_Clavicle": (-8.6, -14.7, 87.4),
}
"""Orientations of trunk joints of Character Creator's rig in a standing person, as rotation vectors in degrees about
left, up and front. They are means over walks, made symmetric."""

GAME_RIG_STANDING: dict[str, Triple] = {
    "pelvis": (14.5, 0, 0),
    "spine_01": (7, 0, 0),
    "spine_02": (-2, 0, 0),
    "spine_03": (-13, 0, 0),
    "neck_01": (28.5, 0, 0),
    "head": (5, 0, 0),
    "clavicle_l": (-78.4, -41.3, -36.4),
    "clavicle_r": (-78.4, 41.3, 36.4),
}
"""The same for Mesh2Motion's rig in its rest pose."""

Trunk = Mapping[str, tuple[str, str, float]]
"""For each bone of the body: a joint, a second joint, and the share of the second."""

Limbs = Mapping[str, tuple[str, Triple, Triple]]
"""For each bone of the body: the joint's name without its side, and the first two axes of `rest_frames`, in the axes of
the left joint."""


def _standing(degrees_3: npt.ArrayLike) -> F64:
    """The body's axes in the axes of a joint. `degrees_3`: the joint's orientation in a standing person."""
    return np.asarray(Rotation.from_rotvec(degrees_3, degrees=True).as_matrix()).T


def _trunk(standing: Mapping[str, Triple], rows: Trunk) -> dict[str, FollowedJoint]:
    return {
        bone: FollowedJoint(
            joint=joint, rest_33=_standing(standing[joint]), other=(other, _standing(standing[other])), share=share
        )
        for bone, (joint, other, share) in rows.items()
    }


def _limbs(rows: Limbs, joint_of: Mapping[str, str]) -> dict[str, FollowedJoint]:
    """Limbs of both sides of a rig in which each right joint has the mirrored axes of the left one.

    A mirror image reverses the x of a direction, but y and z of a rotation axis. The second vector of each row is a
    rotation axis; only at the wrist it is a direction.
    """
    found = {}
    for side in SIDES:
        for bone, (joint, first, second) in rows.items():
            mirror = np.array([1.0, 1, 1] if side == "L" else [-1.0, 1, 1])
            along, across = mirror * first, (mirror if bone == "wrist" or side == "L" else -mirror) * second
            rest_33 = orthonormal_axes(along, across) @ rest_frames()[f"{bone}.{side}"].T
            found[f"{bone}.{side}"] = FollowedJoint(joint=joint_of[side].format(joint), rest_33=rest_33)
    return found


def _rig(standing: Mapping[str, Triple], trunk: Trunk, limbs: Limbs, joint_of: Mapping[str, str]) -> SourceSkeleton:
    bones = _trunk(standing, trunk) | _limbs(limbs, joint_of)
    return SourceSkeleton(
        world_33=np.eye(3),
        bones={bone: follow for bone, follow in bones.items() if not bone.startswith("toe")},
        leg=tuple(bones[f"{bone}.L"].joint for bone in ("upperleg01", "lowerleg01", "foot")),
        toes=(bones["toe.L"], bones["toe.R"]),
    )


@cache
def character_creator() -> SourceSkeleton:
    """Character Creator's rig, in which the CMU motions of IClone-CMU-Mocap are kept: y up, front +z, centimetres.

    Limbs point along y of their joint. Knees rotate about −x, elbows about an axis between x and z.
    """
    elbow = (0.859, 0.033, 0.512)
    rows = {
        "root": ("Hip", "Hip", 0.0),
        "spine05": ("Hip", "Waist", 0.5),
        "spine04": ("Waist", "Waist", 0.0),
        "spine03": ("Spine01", "Spine01", 0.0),
        "spine02": ("Spine01", "Spine02", 0.5),
        "spine01": ("Spine02", "Spine02", 0.0),
        "neck01": ("NeckTwist01", "NeckTwist01", 0.0),
        "neck02": ("NeckTwist01", "NeckTwist02", 0.5),
        "neck03": ("NeckTwist02", "NeckTwist02", 0.0),
        "head": ("Head", "Head", 0.0),
        "clavicle.L": ("L_Clavicle", "L_Clavicle", 0.0),
        "clavicle.R": ("R_Clavicle", "R_Clavicle", 0.0),
    }
    limbs = {
        "upperarm01": ("Upperarm", (-0.83, 25.19, -0.3), elbow),
        "lowerarm01": ("Forearm", (-0.68, 25.7, -0.3), elbow),
        "wrist": ("Hand", (-0.89, 11.26, 2.35), (-2.2, 0.33, 7.25)),
        "upperleg01": ("Thigh", (-0.21, 47.67, -0.33), (-1.0, 0.0, 0.0)),
        "lowerleg01": ("Calf", (-0.32, 49.82, 0.33), (-1.0, 0.0, 0.0)),
        "foot": ("Foot", (0.09, -0.25, 0.964), (-1.0, 0.0, 0.0)),
        "toe": ("ToeBase", (0.09, 0.18, 0.98), (-1.0, 0.0, 0.0)),
    }
    trunk = {bone: (f"CC_Base_{joint}", f"CC_Base_{other}", share) for bone, (joint, other, share) in rows.items()}
    return _rig(CREATOR_STANDING, trunk, limbs, {"L": "CC_Base_L_{}", "R": "CC_Base_R_{}"})


@cache
def game_rig() -> SourceSkeleton:
    """Mesh2Motion's human rig, named like Unreal's mannequin: y up, front +z, metres. Limbs point along y."""
    elbow, left = (0.955, 0.0, -0.297), (1.0, 0.0, 0.0)
    trunk = {
        "root": ("pelvis", "pelvis", 0.0),
        "spine05": ("pelvis", "spine_01", 0.3),
        "spine04": ("spine_01", "spine_01", 0.0),
        "spine03": ("spine_01", "spine_02", 0.5),
        "spine02": ("spine_02", "spine_02", 0.0),
        "spine01": ("spine_03", "spine_03", 0.0),
        "neck01": ("neck_01", "neck_01", 0.0),
        "neck02": ("neck_01", "head", 0.33),
        "neck03": ("neck_01", "head", 0.67),
        "head": ("head", "head", 0.0),
        "clavicle.L": ("clavicle_l", "clavicle_l", 0.0),
        "clavicle.R": ("clavicle_r", "clavicle_r", 0.0),
    }
    limbs = {
        "upperarm01": ("upperarm", (0.0, 1.0, 0.0), elbow),
        "lowerarm01": ("lowerarm", (0.0, 1.0, 0.0), elbow),
        "wrist": ("hand", (0.02, 1.13, 0.05), (0.0, 0.12, 0.72)),
        "upperleg01": ("thigh", (0.0, 1.0, 0.0), left),
        "lowerleg01": ("calf", (0.0, 1.0, 0.0), left),
        "foot": ("foot", (0.0, -0.46, -0.89), left),
        "toe": ("ball", (0.0, -0.04, 1.0), (-1.0, 0.0, 0.0)),
    }
    return _rig(GAME_RIG_STANDING, trunk, limbs, {"L": "{}_l", "R": "{}_r"})


@cache
def deepmimic_humanoid() -> SourceSkeleton:
    """DeepMimic's humanoid: x front, y up, z right, metres. In the rest pose its arms point down. It has no hands."""
    world = np.array([[0, 0, -1.0], [0, 1, 0], [1, 0, 0]])
    rest = world.T
    down, left, right = (0, -1, 0), (0, 0, -1), (0, 0, 1)
    bones = {"root": FollowedJoint(joint="root", rest_33=rest)}
    for k, name in enumerate(("spine05", "spine04", "spine03", "spine02", "spine01")):
        bones[name] = FollowedJoint(joint="root", rest_33=rest, other=("chest", rest), share=(k + 1) / 5)
    for k, name in enumerate(("neck01", "neck02", "neck03", "head")):
        bones[name] = FollowedJoint(joint="chest", rest_33=rest, other=("neck", rest), share=(k + 1) / 4)
    for s, side in zip(SIDES, ("left", "right"), strict=True):
        limbs = {
            "upperarm01": ("shoulder", down, right),
            "lowerarm01": ("elbow", down, right),
            "upperleg01": ("hip", down, left),
            "lowerleg01": ("knee", down, left),
            "foot": ("ankle", (0, 1, 0), left),
        }
        for bone, (joint, along, across) in limbs.items():
            rest_33 = orthonormal_axes(along, across) @ rest_frames()[f"{bone}.{s}"].T
            bones[f"{bone}.{s}"] = FollowedJoint(joint=f"{side}_{joint}", rest_33=rest_33)
    return SourceSkeleton(world_33=world, bones=bones, leg=("left_hip", "left_knee", "left_ankle"))
