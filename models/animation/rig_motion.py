"""A motion of the open body on the skeleton of another program: bones of constant length, rotations, and a moving root.

Joints are at the heads of the body's bones. A joint that replaces several bones points to its first child, so limbs
keep their directions. Lengths of bones are those of the rest pose.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from models.animation.joint_axes import first_child, joint_axes
from models.animation.rest_poses import RestPose, rest_pose
from models.animation.skeletons import FLOOR, HIPS, RigJoint, SkeletonName, skeleton_joints
from models.arrays import F32, F64, I32, U8, Float
from models.body.body_motion import BodyMotion
from models.body.open_body import bones_over_time, load_body
from models.body.rotation_vectors import shortest_rotation


@dataclass(frozen=True, slots=True, kw_only=True)
class RigMotion:
    """T frames of a skeleton of J joints, metres, y up.

    Attributes:
        joints: the skeleton; parents come first.
        parent_J: index of the parent; −1 for the root.
        rest_J3: positions of the joints in the rest pose, with the soles at y = 0, facing +z.
        axes_J33: the joints' axes in the rest pose, as columns in the world.
        turn_TJ33: rotation of each joint from the rest pose, in the world's axes.
        place_TJ3: positions of the joints. Only the joints of `moving` change their distance from their parent.
        moving: indices of the root and, with `unreal`, of the hips.
        second_T: time of each frame, seconds.
        presence_T: the presence of the person in each frame, as in `BodyMotion`.
        shape_C: shape of the body.
        skeleton, rest: names of the skeleton and of the rest pose.
    """

    joints: tuple[RigJoint, ...]
    parent_J: I32
    rest_J3: F32
    axes_J33: F32
    turn_TJ33: F32
    place_TJ3: F32
    moving: tuple[int, ...]
    second_T: F64
    presence_T: U8
    shape_C: F32
    skeleton: SkeletonName
    rest: RestPose

    def local_turns(self) -> F64:
        """Rotation of each joint's axes relative to its parent's (T, J, 3, 3)."""
        turned = self.turn_TJ33.astype(np.float64) @ self.axes_J33
        return relative_turns(turned, self.parent_J)

    def local_rest(self) -> tuple[F64, F64]:
        """Rotations (J, 3, 3) and positions (J, 3) of the joints in their parents' axes, in the rest pose."""
        rotation_J33 = relative_turns(self.axes_J33[None].astype(np.float64), self.parent_J)[0]
        place_J3 = self.rest_J3.astype(np.float64).copy()
        for j, parent in enumerate(self.parent_J.tolist()):
            if parent >= 0:
                place_J3[j] = self.axes_J33[parent].T @ (self.rest_J3[j] - self.rest_J3[parent])
        return rotation_J33, place_J3

    def local_places(self, joint: int) -> F64:
        """Positions (T, 3) of a joint in its parent's axes."""
        parent = int(self.parent_J[joint])
        if parent < 0:
            return self.place_TJ3[:, joint].astype(np.float64)
        turned = self.turn_TJ33[:, parent].astype(np.float64) @ self.axes_J33[parent]
        shift = self.place_TJ3[:, joint] - self.place_TJ3[:, parent]
        return np.einsum("tji,tj->ti", turned, shift.astype(np.float64))


def rig_parts(motion: BodyMotion, skeleton: SkeletonName, rest: RestPose) -> Iterator[RigMotion]:
    """A motion on a skeleton as consecutive parts: a long motion as a whole would need much memory."""
    return (rig_motion(part, skeleton, rest) for part in motion.parts())


def rig_motion(motion: BodyMotion, skeleton: SkeletonName, rest: RestPose) -> RigMotion:
    """An upright motion (y up, the floor at y = 0) on a skeleton with the lengths of the body."""
    body, joints = load_body(), skeleton_joints(skeleton)
    _, head_B3 = body.rest(motion.shape_C)
    calm_B33, calm_B3 = rest_pose(body, head_B3, rest)
    turned_TB33, placed_TB3 = bones_over_time(motion.all_rotations(), head_B3, motion.root_T3)
    names = [joint.name for joint in joints]
    parent_J = np.array([names.index(joint.parent) if joint.parent else -1 for joint in joints], np.int32)
    rest_J3 = np.stack([_place(joint, calm_B3) for joint in joints])
    target_TJ3 = np.stack([_place(joint, placed_TB3) for joint in joints], axis=1)
    turn_TJ33 = np.tile(np.eye(3, dtype=np.float32), (len(target_TJ3), len(joints), 1, 1))
    for j, joint in enumerate(joints):
        if joint.follows:
            b = body.bone(joint.follows)
            turn_TJ33[:, j] = turned_TB33[:, b] @ calm_B33[b].T
            child = first_child(parent_J, rest_J3, j)
            if child >= 0 and skeleton != "own":
                now = np.einsum("tij,j->ti", turn_TJ33[:, j], rest_J3[child] - rest_J3[j])
                turn_TJ33[:, j] = shortest_rotation(now, target_TJ3[:, child] - target_TJ3[:, j]) @ turn_TJ33[:, j]
    moving = tuple(j for j, joint in enumerate(joints) if parent_J[j] < 0 or joints[parent_J[j]].place == FLOOR)
    place_TJ3 = target_TJ3.astype(np.float32)
    for j, parent in enumerate(parent_J.tolist()):
        if j not in moving:
            offset = np.einsum("tij,j->ti", turn_TJ33[:, parent], rest_J3[j] - rest_J3[parent])
            place_TJ3[:, j] = place_TJ3[:, parent] + offset
    return RigMotion(
        joints=joints, parent_J=parent_J, rest_J3=rest_J3, axes_J33=joint_axes(skeleton, joints, parent_J, rest_J3),
        turn_TJ33=turn_TJ33, place_TJ3=place_TJ3, moving=moving, second_T=motion.second_T,
        presence_T=motion.presence_T, shape_C=motion.shape_C, skeleton=skeleton, rest=rest,
    )


def _place(joint: RigJoint, place_B3: Float) -> Float:
    """Position of a joint (…, 3) from the positions of the bones' heads (…, B, 3)."""
    body = load_body()
    if joint.place not in (HIPS, FLOOR):
        return place_B3[..., body.bone(joint.place), :]
    hips = (place_B3[..., body.bone("upperleg01.L"), :] + place_B3[..., body.bone("upperleg01.R"), :]) / 2
    return (hips * np.array([1, 0, 1]) if joint.place == FLOOR else hips).astype(np.float32)


def relative_turns(turned_TJ33: F64, parent_J: I32) -> F64:
    """Rotations of joints relative to their parents (T, J, 3, 3) from those in the world."""
    local = turned_TJ33.copy()
    for j, parent in enumerate(parent_J.tolist()):
        if parent >= 0:
            local[:, j] = np.swapaxes(turned_TJ33[:, parent], 1, 2) @ turned_TJ33[:, j]
    return local
