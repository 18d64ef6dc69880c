"""Retargets a motion from another skeleton to the open body, bone by bone.

Each bone of the body follows a joint of the source: their orientations differ by a constant rotation. It is computed
from directions that both skeletons have: along a limb, across its hinge, up from the sole. The result has exactly the
source's directions of limbs, and the body's lengths.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from models.arrays import F32, F64
from models.body.open_body import load_body
from models.body.skeletal_motion import SkeletalMotion, posed_skeleton

SIDES = ("L", "R")
LEFT, UP = np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
TOE_BEND = (-1.0, 0.15)
"""Radians about the left axis that toes bend at most: up, and down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedJoint:
    """The joint of the source that a bone of the body follows.

    Attributes:
        joint: joint of the source.
        rest_33: the body's axes (left, up, front) in the rest pose, in the joint's axes.
        other: a second joint and the same axes in it, for a bone between two joints.
        share: weight of the second joint in the orientation, 0..1.
    """

    joint: str
    rest_33: F64
    other: tuple[str, F64] | None = None
    share: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSkeleton:
    """A skeleton from which motions are retargeted.

    Attributes:
        world_33: rotation from the source's axes to the body's (left, up, front).
        bones: bones of the body, and the joint that each follows; other bones keep their rotation in the rest pose.
        leg: hip, knee and ankle of the left leg. Its length decides the scale.
        toes: joints that the toes of the left and the right foot follow, if any.
    """

    world_33: F64
    bones: Mapping[str, FollowedJoint]
    leg: tuple[str, ...]
    toes: tuple[FollowedJoint, FollowedJoint] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetargetedMotion:
    """A motion of the open body: T frames of its B bones.

    Attributes:
        turn_TB33: rotation of each bone relative to its parent, in the body's rest axes, as in `forward_kinematics`.
        root_T3: position of the root, metres, for the mean body; the source's origin is kept.
        frame_time: seconds from one frame to the next.
    """

    turn_TB33: F32
    root_T3: F32
    frame_time: float


def orthonormal_axes(along_3: npt.ArrayLike, across_3: npt.ArrayLike) -> F64:
    """Orthonormal axes as columns: `along`, the part of `across` that is perpendicular to it, their cross product."""
    along = np.asarray(along_3, np.float64) / np.linalg.norm(along_3)
    across = np.asarray(across_3, np.float64)
    across = across - (across @ along) * along
    across /= np.linalg.norm(across)
    return np.stack([along, across, np.cross(along, across)], axis=1)


@cache
def rest_frames() -> dict[str, F64]:
    """Axes of the body's limbs in the rest pose, by bone. The columns are as in `orthonormal_axes`.

    The first two axes are: along the limb and the hinge of the knee or elbow (thigh, shin, upper arm, forearm); to the
    middle knuckle, and from the little finger's knuckle to the index finger's (wrist); up and left (foot, toe).
    """
    body = load_body()
    head = {name: body.bone_mean_B3[b].astype(np.float64) for b, name in enumerate(body.bones)}
    frames: dict[str, F64] = {}
    for s in SIDES:
        upper = head[f"lowerarm01.{s}"] - head[f"upperarm01.{s}"]
        fore = head[f"wrist.{s}"] - head[f"lowerarm01.{s}"]
        elbow = np.cross(upper, fore)
        frames |= {
            f"upperarm01.{s}": orthonormal_axes(upper, elbow),
            f"lowerarm01.{s}": orthonormal_axes(fore, elbow),
            f"wrist.{s}": orthonormal_axes(
                head[f"finger3-1.{s}"] - head[f"wrist.{s}"], head[f"finger2-1.{s}"] - head[f"finger5-1.{s}"]
            ),
            f"upperleg01.{s}": orthonormal_axes(head[f"lowerleg01.{s}"] - head[f"upperleg01.{s}"], LEFT),
            f"lowerleg01.{s}": orthonormal_axes(head[f"foot.{s}"] - head[f"lowerleg01.{s}"], LEFT),
            f"foot.{s}": orthonormal_axes(UP, LEFT),
            f"toe.{s}": orthonormal_axes(UP, LEFT),
        }
    return frames


def retargeted(motion: SkeletalMotion, source: SourceSkeleton) -> RetargetedMotion:
    """The motion on the open body. Raises ModelError if the skeleton lacks a joint that `source` names."""
    body = load_body()
    turned_TJ33, placed_TJ3 = posed_skeleton(motion)

    def followed(follow: FollowedJoint) -> F64:
        first_T33 = source.world_33 @ turned_TJ33[:, motion.joint(follow.joint)] @ follow.rest_33
        if follow.other is None or follow.share == 0:
            return first_T33
        joint, rest_33 = follow.other
        return _between(first_T33, source.world_33 @ turned_TJ33[:, motion.joint(joint)] @ rest_33, follow.share)

    turn_TB33 = np.tile(np.eye(3), (len(turned_TJ33), len(body.bones), 1, 1))
    global_TB33 = np.empty_like(turn_TB33)
    for b, (name, parent) in enumerate(zip(body.bones, body.parent_B.tolist(), strict=True)):
        above = global_TB33[:, parent] if parent >= 0 else np.eye(3)
        if name in source.bones:
            turn_TB33[:, b] = np.swapaxes(above, -1, -2) @ followed(source.bones[name])
        elif name.startswith("lowerarm02") and f"wrist.{name[-1]}" in source.bones:
            turn_TB33[:, b] = _half_turn(above, followed(source.bones[f"wrist.{name[-1]}"]), name[-1])
        elif name.startswith("toe") and "-1." in name and source.toes is not None:
            turn_TB33[:, b] = _toe_bend(above, followed(source.toes[SIDES.index(name[-1])]))
        global_TB33[:, b] = above @ turn_TB33[:, b]
    scale = _leg_length() / float(sum(np.linalg.norm(motion.offset_J3[motion.joint(name)]) for name in source.leg[1:]))
    root_T3 = scale * placed_TJ3[:, motion.joint(source.bones["root"].joint)] @ source.world_33.T
    return RetargetedMotion(
        turn_TB33=turn_TB33.astype(np.float32), root_T3=root_T3.astype(np.float32), frame_time=motion.frame_time
    )


def _between(first_T33: F64, second_T33: F64, share: float) -> F64:
    """Rotations between the first and the second ones (spherical interpolation)."""
    first = Rotation.from_matrix(first_T33)
    way = (first.inv() * Rotation.from_matrix(second_T33)).as_rotvec()
    return np.asarray((first * Rotation.from_rotvec(share * way)).as_matrix())


def _half_turn(forearm_T33: F64, wrist_T33: F64, side: str) -> F64:
    """Half of the wrist's rotation about the forearm: the lower half of the forearm takes it."""
    axis = rest_frames()[f"lowerarm01.{side}"][:, 0]
    x, y, z, w = Rotation.from_matrix(np.swapaxes(forearm_T33, 1, 2) @ wrist_T33).as_quat().T
    angle = 2 * np.arctan2(np.stack([x, y, z], axis=1) @ axis, w)
    angle = np.mod(angle + np.pi, 2 * np.pi) - np.pi
    return np.asarray(Rotation.from_rotvec(0.5 * angle[:, None] * axis).as_matrix())


def _toe_bend(foot_T33: F64, toe_T33: F64) -> F64:
    """The toes' rotation about the axis across the foot. Other rotations of a joint inside a shoe are noise."""
    relative = np.swapaxes(foot_T33, 1, 2) @ toe_T33
    angle = np.arctan2(relative[:, 2, 1], relative[:, 1, 1])
    return np.asarray(Rotation.from_rotvec(np.clip(angle, *TOE_BEND)[:, None] * LEFT).as_matrix())


def _leg_length() -> float:
    """Length of thigh and shin of the mean body, metres."""
    body = load_body()
    place = [body.bone_mean_B3[body.bone(name)] for name in ("upperleg01.L", "lowerleg01.L", "foot.L")]
    return float(sum(np.linalg.norm(b - a) for a, b in pairwise(place)))
