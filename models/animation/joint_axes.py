"""Axes of the joints in the rest pose, as each skeleton's own program has them.

Mixamo: y along the bone; z to the front (trunk, legs), down (arms) or up (feet). Right joints mirror the left ones but
for x. Unreal's mannequin: x along the bone, away from the trunk in the left arm and towards it in the left leg;
knees and elbows turn about z; right joints have all axes of the mirror image reversed. `own` and `cmu` (BVH knows no
axes at rest) have the world's axes.
"""

from __future__ import annotations

import numpy as np

from models.animation.skeletons import HIPS, RigJoint, SkeletonName
from models.arrays import F32, F64, I32

UP, DOWN, FRONT, LEFT = (np.array(axis, np.float64) for axis in ((0, 1, 0), (0, -1, 0), (0, 0, 1), (1, 0, 0)))
MIXAMO_Z = {"trunk": FRONT, "leg": FRONT, "foot": UP, "arm": DOWN, "thumb": DOWN}
MIXAMO_TRUNK = {"spine": np.array([0, 0.993, -0.12]), "neck": np.array([0, 0.998, -0.06])}
"""y of joints of the trunk, by the place's first letters: the means of Xbot and of a second character from Mixamo.

They do not lie along the bones: a rig that gets our turns would else stoop as our spine's bones do.
"""
MIRRORED_AXES = {"mixamo": np.array([-1.0, 1, 1]), "unreal": np.array([-1.0, -1, -1])}
"""Signs of x, y and z of a right joint, relative to the mirror image of the left one."""


def joint_axes(skeleton: SkeletonName, joints: tuple[RigJoint, ...], parent_J: I32, rest_J3: F32) -> F32:
    """Axes (J, 3, 3), as columns in the world, of joints at these places."""
    axes_J33 = np.tile(np.eye(3), (len(joints), 1, 1))
    if skeleton in ("own", "cmu"):
        return axes_J33.astype(np.float32)
    mirror = np.diag([-1.0, 1, 1])
    along_J3 = bone_directions(joints, parent_J, rest_J3)
    for j, joint in enumerate(joints):
        along = mirror @ along_J3[j] if joint.side == "R" else along_J3[j]
        left_33 = _mixamo(along, joint) if skeleton == "mixamo" else _unreal(along, joint)
        axes_J33[j] = mirror @ left_33 * MIRRORED_AXES[skeleton] if joint.side == "R" else left_33
    return axes_J33.astype(np.float32)


def bone_directions(joints: tuple[RigJoint, ...], parent_J: I32, rest_J3: F32) -> F64:
    """Unit directions (J, 3) of the bones at rest: to the first child, or at a chain's end on as the parent's.

    Hips and the head's end point up, the toes' end to the front.
    """
    along_J3 = np.tile(UP, (len(joints), 1))
    for j, joint in enumerate(joints):
        child = first_child(parent_J, rest_J3, j)
        if child >= 0 and joint.place != HIPS:
            way = rest_J3[child].astype(np.float64) - rest_J3[j]
            along_J3[j] = way / np.linalg.norm(way)
        elif joint.part == "foot" or joint.place.startswith(("toe", "eye")):
            along_J3[j] = FRONT
        elif joint.place not in ("head", HIPS) and parent_J[j] >= 0:
            along_J3[j] = along_J3[parent_J[j]]
    return along_J3


def first_child(parent_J: I32, rest_J3: F32, joint: int) -> int:
    """The first child of a joint that does not lie at its own place; −1: there is none."""
    for child in np.flatnonzero(parent_J == joint):
        if np.linalg.norm(rest_J3[child] - rest_J3[joint]) > 1e-4:
            return int(child)
    return -1


def _mixamo(along: F64, joint: RigJoint) -> F64:
    """y along the bone of a middle or left joint, but for the trunk."""
    if joint.part == "trunk" and joint.place != HIPS:
        along = MIXAMO_TRUNK["spine" if joint.place.startswith("spine") else "neck"]
        along = along / np.linalg.norm(along)
    ahead = MIXAMO_Z[joint.part] - (MIXAMO_Z[joint.part] @ along) * along
    ahead /= np.linalg.norm(ahead)
    return np.stack([np.cross(along, ahead), along, ahead], axis=1)


def _unreal(along: F64, joint: RigJoint) -> F64:
    """x along the bone of a middle or left joint; the root has the world's axes."""
    if not joint.parent:
        return np.eye(3)
    hinge = {"trunk": -LEFT, "leg": LEFT, "foot": LEFT, "arm": UP, "thumb": UP}[joint.part]
    x = -along if joint.part in ("leg", "foot") else along
    z = hinge - (hinge @ x) * x
    z /= np.linalg.norm(z)
    return np.stack([x, np.cross(z, x), z], axis=1)
