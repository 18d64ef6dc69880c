"""Axes of the joints in the rest pose, as in the program of each skeleton.

Mixamo: y is along the bone; z points to the front (trunk, legs), down (arms) or up (feet). The axes of a right joint
are the mirror image of the left one's, with x reversed. Unreal's mannequin: x is along the bone, away from the trunk in
the left arm and towards it in the left leg; knees and elbows rotate about z. The axes of a right joint are the mirror
image, with all three reversed. `own`, `cmu` and `smpl` have the world's axes (BVH has no axes at rest).
"""

from __future__ import annotations

import numpy as np

from models.animation.skeletons import HIPS, RigJoint, SkeletonName
from models.arrays import F32, F64, I32

UP, DOWN, FRONT, LEFT = (np.array(axis, np.float64) for axis in ((0, 1, 0), (0, -1, 0), (0, 0, 1), (1, 0, 0)))
MIXAMO_Z = {"trunk": FRONT, "leg": FRONT, "foot": UP, "arm": DOWN, "thumb": DOWN}
MIXAMO_TRUNK = {"spine": np.array([0, 0.993, -0.12]), "neck": np.array([0, 0.998, -0.06])}
"""y axes of joints of the spine and of the neck: the means of Xbot and of a second character from Mixamo.

They are not along our bones. With our bones' directions, a rig that takes our rotations would bend forward.
"""
MIRRORED_AXES = {"mixamo": np.array([-1.0, 1, 1]), "unreal": np.array([-1.0, -1, -1])}
"""Signs of x, y and z of a right joint, relative to the mirror image of the left one."""


def joint_axes(skeleton: SkeletonName, joints: tuple[RigJoint, ...], parent_J: I32, rest_J3: F32) -> F32:
    """Axes (J, 3, 3), as columns in the world, of joints at the positions `rest_J3`."""
    axes_J33 = np.tile(np.eye(3), (len(joints), 1, 1))
    if skeleton in ("own", "cmu", "smpl"):
        return axes_J33.astype(np.float32)
    mirror = np.diag([-1.0, 1, 1])
    along_J3 = bone_directions(joints, parent_J, rest_J3)
    for j, joint in enumerate(joints):
        along = mirror @ along_J3[j] if joint.side == "R" else along_J3[j]
        left_33 = _mixamo(along, joint) if skeleton == "mixamo" else _unreal(along, joint)
        axes_J33[j] = mirror @ left_33 * MIRRORED_AXES[skeleton] if joint.side == "R" else left_33
    return axes_J33.astype(np.float32)


def bone_directions(joints: tuple[RigJoint, ...], parent_J: I32, rest_J3: F32) -> F64:
    """Unit directions (J, 3) of the bones in the rest pose: to the first child, or the parent's at the end of a chain.

    Hips and the end of the head point up; the end of the toes points to the front.
    """
    along_J3 = np.tile(UP, (len(joints), 1))
    for j, joint in enumerate(joints):
        child = first_child(parent_J, rest_J3, j)
        if child >= 0 and joint.place != HIPS:
            to_child = rest_J3[child].astype(np.float64) - rest_J3[j]
            along_J3[j] = to_child / np.linalg.norm(to_child)
        elif joint.part == "foot" or joint.place.startswith(("toe", "eye")):
            along_J3[j] = FRONT
        elif joint.place not in ("head", HIPS) and parent_J[j] >= 0:
            along_J3[j] = along_J3[parent_J[j]]
    return along_J3


def first_child(parent_J: I32, rest_J3: F32, joint: int) -> int:
    """The first child of a joint at another position; −1 if there is none."""
    for child in np.flatnonzero(parent_J == joint):
        if np.linalg.norm(rest_J3[child] - rest_J3[joint]) > 1e-4:
            return int(child)
    return -1


def _mixamo(along: F64, joint: RigJoint) -> F64:
    """Axes of a middle or left joint: y is along the bone, or as in `MIXAMO_TRUNK`."""
    if joint.part == "trunk" and joint.place != HIPS:
        along = MIXAMO_TRUNK["spine" if joint.place.startswith("spine") else "neck"]
        along = along / np.linalg.norm(along)
    ahead = MIXAMO_Z[joint.part] - (MIXAMO_Z[joint.part] @ along) * along
    ahead /= np.linalg.norm(ahead)
    return np.stack([np.cross(along, ahead), along, ahead], axis=1)


def _unreal(along: F64, joint: RigJoint) -> F64:
    """Axes of a middle or left joint: x is along the bone; the root has the world's axes."""
    if not joint.parent:
        return np.eye(3)
    hinge = {"trunk": -LEFT, "leg": LEFT, "foot": LEFT, "arm": UP, "thumb": UP}[joint.part]
    x = -along if joint.part in ("leg", "foot") else along
    z = hinge - (hinge @ x) * x
    z /= np.linalg.norm(z)
    return np.stack([x, np.cross(z, x), z], axis=1)
