"""Poses of real people in the worlds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.body.open_body import load_body
from models.body.pose_library import STORED_BONES, load_poses
from stages.world.bodies.poses import bone_rotations, finger_turns
from stages.world.bodies.real_poses import POSES, real_pose
from stages.world.image_scenes import image_scene, people_and_camera
from stages.world.image_worlds import IMAGE_WORLDS

pytestmark = pytest.mark.quick


def test_moved_is_supple_with_real_poses_for_half_of_the_people() -> None:
    moved, supple = IMAGE_WORLDS["moved"], IMAGE_WORLDS["supple"]
    assert replace(moved, name=supple.name, poses=supple.poses) == supple
    assert dict(moved.poses)["real"] == sum(dict(moved.poses).values()) / 2 == pytest.approx(0.5)
    assert {name for world in IMAGE_WORLDS.values() for name, _ in world.poses} <= set(POSES)


def test_a_real_pose_is_near_one_of_the_library_or_its_mirror_image() -> None:
    body, library = load_body(), load_poses()
    thighs = ("upperleg01.L", "upperleg01.R")
    angle_N2 = np.linalg.norm(library.vector_NK3[:, [STORED_BONES.index(name) for name in thighs]], axis=2)
    for seed in range(20):
        turn_B33 = bone_rotations(body, real_pose(np.random.default_rng(seed)), 0.0)
        np.testing.assert_allclose(turn_B33 @ turn_B33.transpose(0, 2, 1), np.tile(np.eye(3), (104, 1, 1)), atol=1e-4)
        pair = []
        for name in thighs:
            cosine = np.clip((np.trace(turn_B33[body.bone(name)]) - 1) / 2, -1, 1)
            pair.append(float(np.arccos(cosine)))
        off = np.abs(np.concatenate([angle_N2, angle_N2[:, ::-1]]) - pair).max(axis=1)
        assert off.min() < 0.25


def test_fingers_curl_alike_on_both_hands_of_a_mirror_pair() -> None:
    body = load_body()
    turn_B33 = real_pose(np.random.default_rng(3)).turn_B33
    for name in finger_turns(0.5):
        left, right = turn_B33[body.bone(f"{name}.L")], turn_B33[body.bone(f"{name}.R")]
        axis_left, axis_right = (
            np.array([m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]]) for m in (left, right)
        )
        cross = np.cross(axis_left, axis_right * [1, -1, -1])
        assert np.linalg.norm(cross) < 1e-4, name


def test_a_heading_turns_a_real_pose_about_the_vertical_axis() -> None:
    body, pose = load_body(), real_pose(np.random.default_rng(0))
    straight, turned = bone_rotations(body, pose, 0.0), bone_rotations(body, pose, np.pi / 2)
    np.testing.assert_allclose(turned[0] @ straight[0].T, [[0, 0, 1], [0, 1, 0], [-1, 0, 0]], atol=1e-5)
    np.testing.assert_array_equal(turned[1:], straight[1:])


def test_scenes_of_real_poses_repeat_and_stand_on_the_floor() -> None:
    world = replace(IMAGE_WORLDS["moved"], poses=(("real", 1.0),))
    first, again = image_scene(world, 5, 1), image_scene(world, 5, 1)
    np.testing.assert_array_equal(first.rgb_HW3, again.rgb_HW3)
    _, _, meshes, _ = people_and_camera(world, 5, 1)
    assert meshes and all(abs(float(mesh.vertex_V3[:, 1].min())) < 1e-4 for mesh in meshes)
