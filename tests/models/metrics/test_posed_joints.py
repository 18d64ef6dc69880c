"""Errors of joints in space: a shift does not count from the hips, and turn and scale do not after alignment."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models.body.body_pose import BodyPose, posed_keypoints
from models.body.open_body import load_body
from models.metrics.posed_joints import HIPS, MAIN_JOINTS, NO_BODY_MM, from_hips, pose_errors, similarity_aligned

pytestmark = pytest.mark.quick


def test_a_shift_of_the_body_does_not_count() -> None:
    joint_J3 = np.random.default_rng(0).normal(size=(23, 3))
    assert np.allclose(from_hips(joint_J3, joint_J3), from_hips(joint_J3 + 2, joint_J3 + 2))


def test_turn_scale_and_shift_are_aligned_and_nothing_else() -> None:
    rng = np.random.default_rng(1)
    true_M3 = rng.normal(size=(13, 3))
    turned_M3 = 1.7 * true_M3 @ Rotation.random(rng=rng).as_matrix().T + [1, 2, 3]
    assert np.allclose(similarity_aligned(turned_M3, true_M3), true_M3)
    mirrored_M3 = true_M3 * [-1, 1, 1]
    assert np.linalg.norm(similarity_aligned(mirrored_M3, true_M3) - true_M3, axis=1).mean() > 0.3


def test_a_body_that_is_turned_and_moved_errs_by_its_turn_alone() -> None:
    rng = np.random.default_rng(2)
    bones = len(load_body().bones)
    true = BodyPose(
        rotation_B33=np.broadcast_to(np.eye(3, dtype=np.float32), (bones, 3, 3)).copy(),
        root_3=np.array([0, 0, 4], np.float32), shape_C=rng.normal(size=16).astype(np.float32),
    )  # fmt: skip
    half_turn_B33 = true.rotation_B33.copy()
    half_turn_B33[0] = np.diag([-1, 1, -1])
    found = replace(true, rotation_B33=half_turn_B33, root_3=true.root_3 + np.float32(1))
    away = pose_errors(found, true)
    from_axis_J3 = posed_keypoints(true) - posed_keypoints(true)[HIPS].mean(axis=0)
    assert away.joint_M == pytest.approx(2000 * np.hypot(*from_axis_J3[MAIN_JOINTS][:, [0, 2]].T), abs=0.1)
    assert away.aligned == pytest.approx(0, abs=0.01)
    assert away.vertices > 0
    assert pose_errors(None, true).mpjpe == NO_BODY_MM
