"""The library of real poses: its licences, what is kept apart, its ranges, and mirror images."""

from __future__ import annotations

import numpy as np
import pytest

from models.arrays import F32
from models.body.open_body import forward_kinematics, load_body
from models.body.pose_library import (
    POSES_FILE,
    STORED_BONES,
    all_bones,
    load_poses,
    mirrored_vectors,
    stored_vectors,
    without_heading,
)
from models.body.retarget import RetargetedMotion
from stages.world.bodies.rotations import LEFT, UP, axis_rotation
from tools.bake_poses import HELD_OUT_MOTIONS, beyond_limits, farthest_points, sound_frames, with_mended_feet

pytestmark = pytest.mark.quick


def test_every_pose_has_a_source_that_products_may_use() -> None:
    library = load_poses()
    assert len(library.motions) == len(library.licences)
    assert set(np.unique(library.motion_N)) == set(range(len(library.motions)))
    for motion, licence in zip(library.motions, library.licences, strict=True):
        place = motion.split("/")[0]
        assert {"cmu": "redistributed", "deepmimic": "MIT", "mesh2motion": "CC0"}[place] in licence
    notice = " ".join(POSES_FILE.with_name("REAL_POSES_NOTICE.md").read_text().split())
    assert "NSF EIA-0196217" in notice and "Copyright (c) 2018 Xue Bin Peng" in notice


def test_motions_for_scores_give_no_poses() -> None:
    assert set(load_poses().motions).isdisjoint(HELD_OUT_MOTIONS)
    assert not any(motion.startswith("cmu/003") for motion in load_poses().motions)


def test_there_are_many_poses_in_a_small_file() -> None:
    assert 6000 <= len(load_poses().vector_NK3) <= 10_000
    assert POSES_FILE.stat().st_size < 2e6


def test_joints_stay_within_what_bodies_can_do() -> None:
    angle_NK = np.degrees(np.linalg.norm(load_poses().vector_NK3, axis=2))
    assert np.isfinite(angle_NK).all() and angle_NK.max() <= 180.01
    most = dict(zip(STORED_BONES, np.percentile(angle_NK, 99.5, axis=0), strict=True))
    for bone, limit in {"lowerleg01": 165, "lowerarm01": 150, "foot": 85, "wrist": 125, "clavicle": 60}.items():
        assert max(most[f"{bone}.L"], most[f"{bone}.R"]) < limit, bone
    assert all(most[bone] < 60 for bone in STORED_BONES if bone.startswith(("spine", "neck")))


def test_a_mirror_image_has_its_joints_mirrored() -> None:
    body = load_body()
    vector_K3 = load_poses().vector_NK3[1234]
    places = []
    for vector in (vector_K3, mirrored_vectors(vector_K3)):
        _, placed = forward_kinematics(body, body.bone_mean_B3, all_bones(vector), np.zeros(3, np.float32))
        places.append(placed)
    np.testing.assert_allclose(places[1], places[0][body.twin_B] * [-1, 1, 1], atol=1e-4)
    assert np.abs(places[1] - places[0]).max() > 0.05


def test_vectors_and_rotations_agree() -> None:
    vector_K3 = load_poses().vector_NK3[77]
    np.testing.assert_allclose(stored_vectors(all_bones(vector_K3)[None])[0], vector_K3, atol=1e-5)


def test_headings_are_taken_off_and_leanings_kept() -> None:
    lean = axis_rotation(LEFT, 0.4)
    turned = np.stack([axis_rotation(UP, yaw) @ lean for yaw in (-2.0, 0.0, 3.0)])
    np.testing.assert_allclose(without_heading(turned), np.stack([lean] * 3), atol=1e-6)
    on_the_back = axis_rotation(LEFT, -np.pi / 2)
    turned = np.stack([axis_rotation(UP, yaw) @ on_the_back for yaw in (-2.0, 0.0, 3.0)])
    np.testing.assert_allclose(without_heading(turned), np.stack([on_the_back] * 3), atol=1e-6)


def test_farthest_points_cover_a_line() -> None:
    chosen, radius = farthest_points(np.arange(9, dtype=np.float32)[:, None], 3)
    assert chosen.tolist() == [0, 8, 4] and radius == 2


def motion_of(turn_TB33: F32) -> RetargetedMotion:
    return RetargetedMotion(turn_TB33=turn_TB33, root_T3=np.zeros((len(turn_TB33), 3), np.float32), frame_time=1 / 60)


def still(frames: int) -> F32:
    return np.tile(np.eye(3, dtype=np.float32), (frames, 104, 1, 1))


def test_a_jump_of_a_joint_is_not_sound() -> None:
    turn_TB33 = still(6)
    turn_TB33[3, load_body().bone("head")] = axis_rotation(LEFT, 1.0)
    assert sound_frames(motion_of(turn_TB33)).tolist() == [True, True, False, False, False, True]


def test_limits_of_right_bones_are_mirrored() -> None:
    vector_TK3 = np.zeros((3, len(STORED_BONES), 3), np.float32)
    right = STORED_BONES.index("clavicle.R")
    vector_TK3[1, right] = np.radians([0, 0, -50])  # a raised right shoulder
    vector_TK3[2, right] = np.radians([0, 0, 50])
    assert np.argwhere(beyond_limits(vector_TK3)).tolist() == [[2, right]]


def test_a_foot_that_flips_over_points_its_toes_instead() -> None:
    body, turn_TB33 = load_body(), still(2)
    turn_TB33[1, body.bone("foot.R")] = axis_rotation(LEFT, -1.6)
    mended = with_mended_feet(motion_of(turn_TB33)).turn_TB33
    wanted = still(2)
    wanted[1, body.bone("foot.R")] = axis_rotation(LEFT, np.radians(40))
    np.testing.assert_allclose(mended, wanted, atol=1e-6)
    toe_3 = mended[1, body.bone("foot.R")] @ [0, 0, 1]
    assert toe_3[1] < -0.5
