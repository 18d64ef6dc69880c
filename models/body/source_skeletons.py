"""Which joint of a source each bone of the open body follows: Character Creator's rig and DeepMimic's humanoid."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from models.arrays import F64
from models.body.retarget import SIDES, Follow, SourceSkeleton, frame_of, rest_frames

CREATOR_STANDING: dict[str, tuple[float, float, float]] = {
    "Hip": (5, 0, 0),
    "Waist": (19, 0, 0),
    "Spine01": (-2.5, 0, 0),
    "Spine02": (-7, 0, 0),
    "NeckTwist01": (-4.5, 0, 0),
    "NeckTwist02": (13, 0, 0),
    "Head": (13.5, 0, 0),
    "L_Clavicle": (-8.6, 14.7, -87.4),
    "R_Clavicle": (-8.6, -14.7, 87.4),
}
"""Orientation of trunk joints of Character Creator's rig in a person who stands: the mean over walks, made
symmetric; rotation vectors in degrees about left, up and front."""


def _standing(degrees_3: npt.ArrayLike) -> F64:
    """The body's axes in those of a joint whose orientation in a standing person is given."""
    return np.asarray(Rotation.from_rotvec(degrees_3, degrees=True).as_matrix()).T


def _limb(bone: str, along_3: npt.ArrayLike, across_3: npt.ArrayLike) -> F64:
    """The body's axes in those of a joint that has these directions where the bone has its `rest_frames`."""
    return np.asarray(frame_of(along_3, across_3) @ rest_frames()[bone].T)


@cache
def character_creator() -> SourceSkeleton:
    """Character Creator's rig, in which the CMU motions of IClone-CMU-Mocap are kept: y up, front +z, centimetres.

    Limbs lie along y of their joint. Knees turn about −x, elbows about an axis between x and z.
    """

    def trunk(joint: str, other: str | None = None, share: float = 0.0) -> Follow:
        second = None if other is None else (f"CC_Base_{other}", _standing(CREATOR_STANDING[other]))
        return Follow(joint=f"CC_Base_{joint}", rest_33=_standing(CREATOR_STANDING[joint]), other=second, share=share)

    bones = {
        "root": trunk("Hip"),
        "spine05": trunk("Hip", "Waist", 0.5),
        "spine04": trunk("Waist"),
        "spine03": trunk("Spine01"),
        "spine02": trunk("Spine01", "Spine02", 0.5),
        "spine01": trunk("Spine02"),
        "neck01": trunk("NeckTwist01"),
        "neck02": trunk("NeckTwist01", "NeckTwist02", 0.5),
        "neck03": trunk("NeckTwist02"),
        "head": trunk("Head"),
    }
    toes = []
    for s, x in zip(SIDES, (1, -1), strict=True):
        limbs = {
            "upperarm01": ("Upperarm", (-0.83 * x, 25.19, -0.3), (0.859, 0.033 * x, 0.512 * x)),
            "lowerarm01": ("Forearm", (-0.68 * x, 25.7, -0.3), (0.859, 0.033 * x, 0.512 * x)),
            "wrist": ("Hand", (-0.89 * x, 11.26, 2.35), (-2.2 * x, 0.33, 7.25)),
            "upperleg01": ("Thigh", (-0.21 * x, 47.67, -0.33), (-1, 0, 0)),
            "lowerleg01": ("Calf", (-0.32 * x, 49.82, 0.33), (-1, 0, 0)),
            "foot": ("Foot", (0.09 * x, -0.25, 0.964), (-1, 0, 0)),
            "toe": ("ToeBase", (0.09 * x, 0.18, 0.98), (-1, 0, 0)),
        }
        follows = {
            bone: Follow(joint=f"CC_Base_{s}_{joint}", rest_33=_limb(f"{bone}.{s}", along, across))
            for bone, (joint, along, across) in limbs.items()
        }
        toes.append(follows.pop("toe"))
        bones |= {f"{bone}.{s}": follow for bone, follow in follows.items()}
        bones[f"clavicle.{s}"] = trunk(f"{s}_Clavicle")
    return SourceSkeleton(
        world_33=np.eye(3),
        bones=bones,
        leg=tuple(f"CC_Base_L_{joint}" for joint in ("Thigh", "Calf", "Foot")),
        toes=(toes[0], toes[1]),
    )


@cache
def deepmimic_humanoid() -> SourceSkeleton:
    """DeepMimic's humanoid: x front, y up, z right, metres; at rest it stands with its arms down. It has no hands."""
    world = np.array([[0, 0, -1.0], [0, 1, 0], [1, 0, 0]])
    rest = world.T
    down, left, right = (0, -1, 0), (0, 0, -1), (0, 0, 1)
    bones = {"root": Follow(joint="root", rest_33=rest)}
    for k, name in enumerate(("spine05", "spine04", "spine03", "spine02", "spine01")):
        bones[name] = Follow(joint="root", rest_33=rest, other=("chest", rest), share=(k + 1) / 5)
    for k, name in enumerate(("neck01", "neck02", "neck03", "head")):
        bones[name] = Follow(joint="chest", rest_33=rest, other=("neck", rest), share=(k + 1) / 4)
    for s, side in zip(SIDES, ("left", "right"), strict=True):
        limbs = {
            "upperarm01": ("shoulder", down, right),
            "lowerarm01": ("elbow", down, right),
            "upperleg01": ("hip", down, left),
            "lowerleg01": ("knee", down, left),
            "foot": ("ankle", (0, 1, 0), left),
        }
        for bone, (joint, along, across) in limbs.items():
            bones[f"{bone}.{s}"] = Follow(joint=f"{side}_{joint}", rest_33=_limb(f"{bone}.{s}", along, across))
    return SourceSkeleton(world_33=world, bones=bones, leg=("left_hip", "left_knee", "left_ankle"))
