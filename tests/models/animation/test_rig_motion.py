"""Skeletons of other programs: names, axes, and joints that stay where the open body's are."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from models.animation.rig_motion import RigMotion, rig_motion
from models.animation.skeletons import SkeletonName, carrying_joints, skeleton_joints
from models.body.open_body import bones_over_time, load_body
from tests.models.animation.clips import SHAPE, library_motion

pytestmark = pytest.mark.quick
NAMES: tuple[SkeletonName, ...] = ("own", "mixamo", "unreal", "cmu")

CMU_NAMES = (
    "Hips LHipJoint LeftUpLeg LeftLeg LeftFoot LeftToeBase RHipJoint RightUpLeg RightLeg RightFoot RightToeBase "
    "LowerBack Spine Spine1 Neck Neck1 Head LeftShoulder LeftArm LeftForeArm LeftHand LeftFingerBase LeftHandIndex1 "
    "LThumb RightShoulder RightArm RightForeArm RightHand RightFingerBase RightHandIndex1 RThumb"
)
"""Joints of the CMU motions in BVH, without end sites (the rig `cmu_mb` of MakeHuman has them too)."""
MIXAMO_BODY = (
    "Hips Spine Spine1 Spine2 Neck Head {0}Shoulder {0}Arm {0}ForeArm {0}Hand {0}UpLeg {0}Leg {0}Foot {0}ToeBase"
)
MIXAMO_AXES = {
    "Hips": ((1, 0, 0), (0, 1, 0)), "Spine2": ((1, 0, 0), (0, 0.99, -0.12)),
    "Head": ((1, 0, 0), (0, 0.99, -0.12)), "LeftArm": ((0, 0, -1), (1, 0, 0)),
    "RightArm": ((0, 0, 1), (-1, 0, 0)), "LeftForeArm": ((0, 0, -1), (1, 0, 0)), "RightHand": ((0, 0, 1), (-1, 0, 0)),
    "LeftUpLeg": ((-1, 0, 0), (0, -1, 0)), "RightUpLeg": ((-1, 0, 0), (0, -1, 0)), "LeftLeg": ((-1, 0, 0), (0, -1, 0)),
    "LeftToeBase": ((-1, 0, 0), (0, 0, 1)), "RightToeBase": ((-1, 0, 0), (0, 0, 1)),
}
"""x and y in the world of joints at rest, read from Xbot.glb, a character that Mixamo exported."""


def clip_of(name: SkeletonName) -> RigMotion:
    return rig_motion(library_motion(), name, "t")


def test_names_are_those_of_the_programs() -> None:
    assert {joint.name for joint in skeleton_joints("cmu")} == set(CMU_NAMES.split())
    mixamo = {joint.name for joint in skeleton_joints("mixamo")}
    for side in ("Left", "Right"):
        assert {f"mixamorig:{name}" for name in MIXAMO_BODY.format(side).split()} <= mixamo
        fingers = ("Thumb", "Index", "Middle", "Ring", "Pinky")
        assert {f"mixamorig:{side}Hand{finger}{k}" for finger in fingers for k in (1, 2, 3)} <= mixamo
    assert len(mixamo) == 52
    unreal = [joint.name for joint in skeleton_joints("unreal")]
    assert unreal[:2] == ["root", "pelvis"] and {"spine_05", "thigh_r", "ball_l", "pinky_03_r"} <= set(unreal)


@pytest.mark.parametrize("name", NAMES)
def test_a_skeleton_is_a_tree_of_unique_names(name: SkeletonName) -> None:
    joints = skeleton_joints(name)
    names = [joint.name for joint in joints]
    assert len(set(names)) == len(names) and joints[0].parent == ""
    assert all(joint.parent in names[:j] for j, joint in enumerate(joints) if j)
    assert all(joint.side == ("R" if "ight" in joint.name else "L") for joint in joints if "eft" in joint.name)
    assert len(carrying_joints(name)) == len(load_body().bones)


def test_mixamo_joints_have_the_axes_of_mixamo() -> None:
    clip = clip_of("mixamo")
    names = [joint.name for joint in clip.joints]
    for name, (x, y) in MIXAMO_AXES.items():
        axes_33 = clip.axes_J33[names.index(f"mixamorig:{name}")]
        assert np.degrees(np.arccos(np.clip([axes_33[:, 0] @ x, axes_33[:, 1] @ y], -1, 1))).max() < 12, name


@pytest.mark.parametrize("name", NAMES)
def test_axes_are_right_handed_and_orthonormal(name: SkeletonName) -> None:
    axes_J33 = clip_of(name).axes_J33
    np.testing.assert_allclose(axes_J33.swapaxes(1, 2) @ axes_J33, np.tile(np.eye(3), (len(axes_J33), 1, 1)), atol=1e-5)
    np.testing.assert_allclose(np.linalg.det(axes_J33), 1, atol=1e-5)


def test_bones_of_unreal_lie_along_x_and_its_sides_are_opposite() -> None:
    clip = clip_of("unreal")
    names = [joint.name for joint in clip.joints]
    _, place_J3 = clip.local_rest()
    for child, sign in (("lowerarm_l", 1), ("lowerarm_r", -1), ("calf_l", -1), ("calf_r", 1), ("spine_03", 1)):
        place_3 = place_J3[names.index(child)]
        assert sign * place_3[0] > 0.05 and np.abs(place_3[1:]).max() < 1e-4, child


def test_joints_of_the_own_skeleton_are_those_of_the_body() -> None:
    motion = library_motion()
    clip = rig_motion(motion, "own", "t")
    _, placed_TB3 = bones_over_time(motion.rotation_TK33, load_body().rest(SHAPE)[1], motion.root_T3)
    np.testing.assert_allclose(clip.place_TJ3, placed_TB3, atol=1e-5)


@pytest.mark.parametrize(("name", "trunk", "limb"), [("mixamo", 0.02, 2.0), ("unreal", 0.006, 2.0), ("cmu", 0.02, 2.0)])
def test_limbs_of_other_skeletons_point_as_the_bodys_do(name: SkeletonName, trunk: float, limb: float) -> None:
    """Places differ by what few joints of a trunk cannot follow (metres); directions of limbs by degrees."""
    body, motion = load_body(), library_motion()
    clip = rig_motion(motion, name, "t")
    _, placed_TB3 = bones_over_time(motion.rotation_TK33, body.rest(SHAPE)[1], motion.root_T3)
    at = {joint.place: j for j, joint in enumerate(clip.joints)}
    for side in ("L", "R"):
        for chain in (("upperarm01", "lowerarm01", "wrist"), ("upperleg01", "lowerleg01", "foot")):
            for first, second in pairwise(chain):
                a, b = f"{first}.{side}", f"{second}.{side}"
                ours = placed_TB3[:, body.bone(b)] - placed_TB3[:, body.bone(a)]
                theirs = clip.place_TJ3[:, at[b]] - clip.place_TJ3[:, at[a]]
                lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
                angle = np.degrees(np.arccos(np.clip(np.sum(ours * theirs, axis=1) / lengths, -1, 1)))
                assert angle.max() < limb, (a, b)
    for bone in ("head", "wrist.L", "foot.R"):
        assert np.linalg.norm(clip.place_TJ3[:, at[bone]] - placed_TB3[:, body.bone(bone)], axis=1).max() < trunk, bone


@pytest.mark.parametrize("name", NAMES)
def test_lengths_of_bones_are_constant_and_only_the_root_moves(name: SkeletonName) -> None:
    clip = clip_of(name)
    assert [clip.joints[j].name for j in clip.moving] == (
        ["root", "pelvis"] if name == "unreal" else [clip.joints[0].name]
    )
    for j, parent in enumerate(clip.parent_J.tolist()):
        if j not in clip.moving:
            length_T = np.linalg.norm(clip.place_TJ3[:, j] - clip.place_TJ3[:, parent], axis=1)
            np.testing.assert_allclose(length_T, np.linalg.norm(clip.rest_J3[j] - clip.rest_J3[parent]), atol=1e-5)


def test_the_root_of_unreal_stays_on_the_floor_under_the_hips() -> None:
    clip = clip_of("unreal")
    np.testing.assert_allclose(clip.place_TJ3[:, 0, 1], 0, atol=1e-6)
    np.testing.assert_allclose(clip.place_TJ3[:, 0, ::2], clip.place_TJ3[:, 1, ::2], atol=1e-6)
    assert not clip.joints[0].follows
