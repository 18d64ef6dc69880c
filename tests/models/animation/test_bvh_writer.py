"""BVH: what the project's own reader, which other programs' files have tested, finds in the files."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models.animation.bvh_reader import parsed_bvh
from models.animation.bvh_writer import bvh_text, continuous_angles
from models.animation.rig_motion import rig_motion
from models.animation.skeletons import SkeletonName
from models.body.skeletal_motion import euler_rotations, posed_skeleton
from tests.models.animation.clips import library_motion

pytestmark = pytest.mark.quick


@pytest.mark.parametrize("name", ["own", "mixamo", "unreal", "cmu"])
def test_every_joint_of_every_frame_is_within_a_millimetre(name: SkeletonName) -> None:
    clip = rig_motion(library_motion(), name, "t")
    motion = parsed_bvh(bvh_text([clip], 1 / 30).encode())
    _, placed_TJ3 = posed_skeleton(motion)
    found = 0
    for j, joint in enumerate(clip.joints):
        if joint.name in motion.names:
            found += 1
            np.testing.assert_allclose(placed_TJ3[:, motion.joint(joint.name)] / 100, clip.place_TJ3[:, j], atol=1e-3)
    assert found == len(clip.joints) - (name == "unreal")


def test_without_turns_the_skeleton_stands_in_the_chosen_rest_pose() -> None:
    clip = rig_motion(library_motion(), "mixamo", "a")
    motion = parsed_bvh(bvh_text([clip], 1 / 30).encode())
    offset_J3, parents = motion.offset_J3 / 100, motion.parent_J
    place_J3 = np.zeros_like(offset_J3)
    for j in range(1, len(place_J3)):
        place_J3[j] = place_J3[parents[j]] + offset_J3[j]
    for j, joint in enumerate(clip.joints):
        at = motion.joint(joint.name)
        np.testing.assert_allclose(place_J3[at], clip.rest_J3[j] - clip.rest_J3[0], atol=1e-5)
    fore = place_J3[motion.joint("mixamorig:LeftForeArm")] - place_J3[motion.joint("mixamorig:LeftArm")]
    np.testing.assert_allclose(fore / np.linalg.norm(fore), [np.sqrt(0.5), -np.sqrt(0.5), 0], atol=1e-4)


def test_the_frame_time_is_exact() -> None:
    clip = rig_motion(library_motion(fps=30000 / 1001), "cmu", "t")
    assert abs(parsed_bvh(bvh_text([clip], 1001 / 30000).encode()).frame_time - 1001 / 30000) < 1e-9


def test_angles_change_by_less_than_half_a_turn_and_mean_the_same_turns() -> None:
    turn = Rotation.from_euler("yxz", np.stack([np.linspace(0, 14, 80), np.linspace(-2, 9, 80), np.zeros(80)], axis=1))
    turn_TJ33 = turn.as_matrix()[:, None]
    angle_TJ3 = continuous_angles(turn_TJ33, np.zeros((1, 3)))
    assert np.abs(np.diff(angle_TJ3[:, 0], axis=0)).max() < np.pi
    np.testing.assert_allclose(euler_rotations(angle_TJ3[:, 0], "ZXY"), turn_TJ33[:, 0], atol=1e-5)
    # A turn about one axis alone grows on without a jump, twice around.
    around_TJ33 = Rotation.from_euler("y", np.linspace(0, 4 * np.pi, 60)[:, None]).as_matrix()[:, None]
    found_T = continuous_angles(around_TJ33, np.zeros((1, 3)))[:, 0, 2]
    np.testing.assert_allclose(found_T, np.linspace(0, 4 * np.pi, 60), atol=1e-6)


@pytest.mark.parametrize("middle", [90.0, -90.0])
def test_gimbal_lock_keeps_the_turn(middle: float) -> None:
    angle = np.radians([[20, middle, 30], [50, middle, -10]])
    turn_T33 = euler_rotations(angle, "ZXY").astype(np.float64)
    found = continuous_angles(turn_T33[:, None], np.zeros((1, 3)))[:, 0]
    np.testing.assert_allclose(euler_rotations(found, "ZXY"), turn_T33, atol=2e-3)
