"""A fitted body as the bones of a VRM avatar in Unity's axes: x right, y up, z forward, left-handed.

The avatar faces the camera when the person does. Rotations are local, relative to a T-pose in which all bones have the
world's axes, as VRM demands. Fingers are not sent. The camera counts as level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.animation.rig_motion import rig_motion
from models.arrays import F64
from models.body.body_motion import BodyMotion, seen_in_all
from models.body.fitted_body import FittedBody
from models.body.rotation_vectors import unit_quaternions

_MIDDLE = {
    "Hips": "pelvis", "Spine": "spine1", "Chest": "spine2", "UpperChest": "spine3", "Neck": "neck", "Head": "head",
}
_SIDED = {
    "Shoulder": "collar", "UpperArm": "shoulder", "LowerArm": "elbow", "Hand": "wrist", "UpperLeg": "hip",
    "LowerLeg": "knee", "Foot": "ankle", "Toes": "foot",
}
VMC_BONES = {
    **_MIDDLE,
    **{f"{side}{bone}": f"{side.lower()}_{joint}" for side in ("Left", "Right") for bone, joint in _SIDED.items()},
}
"""Unity's human bones, with the joints of the skeleton `smpl`."""
_UPRIGHT_33 = np.diag([1.0, -1, -1])
"""The camera's axes, x right, y down, z forward, in upright ones."""
_SOLES = ("left_ankle", "right_ankle", "left_foot", "right_foot")


@dataclass(frozen=True, slots=True, kw_only=True)
class VmcPose:
    """J bones.

    Attributes:
        names: Unity's names.
        place_J3: positions in the axes of the bone above, metres; of the hips in the world, with a sole at y = 0.
        turn_J4: local rotations, unit quaternions x, y, z, w.
    """

    names: tuple[str, ...]
    place_J3: F64
    turn_J4: F64

    @classmethod
    def of_body(cls, body: FittedBody) -> VmcPose:
        """The bones of a body in the camera's frame."""
        motion = BodyMotion(
            rotation_TK33=body.pose.rotation_B33[None], root_T3=body.pose.root_3[None], shape_C=body.pose.shape_C,
            second_T=np.zeros(1), confidence_TJ=body.confidence_J[None], presence_T=seen_in_all(1), camera=None,
        )
        rig = rig_motion(motion.moved(_UPRIGHT_33, np.zeros(3)), "smpl", "t")
        names = [joint.name for joint in rig.joints]
        order = [names.index(joint) for joint in VMC_BONES.values()]
        place_J3 = rig.local_rest()[1][order]
        soles = [names.index(name) for name in _SOLES]
        floor = float((rig.place_TJ3[0, soles, 1] - rig.rest_J3[soles, 1]).min())
        place_J3[0] = rig.place_TJ3[0, 0] - np.array([0, floor, 0])
        turn_J4 = unit_quaternions(rig.local_turns()[0, order])
        return cls(names=tuple(VMC_BONES), place_J3=place_J3 * [-1, 1, 1], turn_J4=turn_J4 * [1, -1, -1, 1])


def blended_pose(before: VmcPose, now: VmcPose, share: float) -> VmcPose:
    """A pose between two: `share` 0 is the first one, 1 the second."""
    sign_J1 = np.where((before.turn_J4 * now.turn_J4).sum(axis=1, keepdims=True) < 0, -1.0, 1.0)
    turn_J4 = (1 - share) * before.turn_J4 + share * sign_J1 * now.turn_J4
    turn_J4 /= np.linalg.norm(turn_J4, axis=1, keepdims=True)
    place_J3 = (1 - share) * before.place_J3 + share * now.place_J3
    return VmcPose(names=now.names, place_J3=place_J3, turn_J4=turn_J4)
