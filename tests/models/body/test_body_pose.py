"""Posed bodies against forward kinematics and skinning."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models.body.body_motion import BodyMotion, seen_in_all
from models.body.body_pose import BodyPose, posed_bones, posed_keypoints, posed_vertices
from models.body.open_body import KEYPOINT_NAMES, forward_kinematics, load_body, skin

pytestmark = pytest.mark.quick


def random_pose(seed: int) -> BodyPose:
    rng = np.random.default_rng(seed)
    rotation_B33 = Rotation.from_rotvec(rng.normal(0, 0.3, (104, 3))).as_matrix().astype(np.float32)
    return BodyPose(
        rotation_B33=rotation_B33, root_3=rng.normal(0, 1, 3).astype(np.float32),
        shape_C=rng.normal(0, 1, 16).astype(np.float32),
    )


def test_vertices_and_keypoints_are_those_of_skinning():
    body, pose = load_body(), random_pose(1)
    vertex_V3, head_B3 = body.rest(pose.shape_C)
    expected_V3 = skin(body, vertex_V3, head_B3, *forward_kinematics(body, head_B3, pose.rotation_B33, pose.root_3))
    np.testing.assert_allclose(posed_vertices(pose), expected_V3, atol=1e-6)
    np.testing.assert_allclose(posed_keypoints(pose), body.keypoint_KV @ expected_V3, atol=1e-5)


def test_the_root_bone_stands_at_the_root():
    pose = random_pose(2)
    turned_B33, place_B3 = posed_bones(pose)
    np.testing.assert_array_equal(place_B3[0], pose.root_3)
    np.testing.assert_array_equal(turned_B33[0], pose.rotation_B33[0])


def test_a_person_at_rest_before_a_camera_stands_head_up_and_faces_it():
    """Half a turn about x takes the body's axes (y up, z front) to those of a camera that looks at the front."""
    turn = np.tile(np.eye(3, dtype=np.float32), (104, 1, 1))
    turn[0] = np.diag([1.0, -1, -1])
    pose = BodyPose(rotation_B33=turn, root_3=np.array([0, 0, 4], np.float32), shape_C=np.zeros(16, np.float32))
    place = dict(zip(KEYPOINT_NAMES, posed_keypoints(pose), strict=True))
    assert place["nose"][1] < place["left_hip"][1] < place["left_ankle"][1]
    assert place["nose"][2] < place["left_ear"][2]
    assert place["left_shoulder"][0] > place["right_shoulder"][0] + 0.2


def test_a_motion_gives_its_poses():
    first, second = random_pose(3), random_pose(4)
    motion = BodyMotion(
        rotation_TK33=np.stack([first.rotation_B33, second.rotation_B33]), root_T3=np.stack([first.root_3] * 2),
        shape_C=first.shape_C, second_T=np.array([0, 0.04]), confidence_TJ=np.ones((2, 23), np.float32),
        presence_T=seen_in_all(2), camera=None,
    )
    np.testing.assert_array_equal(motion.pose(1).rotation_B33, second.rotation_B33)
