"""Fits to joints alone: their projections lie on the joints, and a body that is turned away is found turned away."""

from __future__ import annotations

import numpy as np
import pytest
from posed_people import CAMERA, RenderedPerson, person

from models.body.body_pose import posed_keypoints
from models.fitting.joint_fit import fit_joints


def joints(true: RenderedPerson) -> np.ndarray:
    return np.column_stack([CAMERA.project(true.keypoint_J3[:17]), np.ones(17)])


@pytest.mark.parametrize(("pose", "yaw"), [(3, 0.2), (400, 2.9)])
def test_projected_joints_are_those_given(pose: int, yaw: float) -> None:
    true = person(pose, yaw)
    fit = fit_joints(joints(true), CAMERA)
    assert fit is not None
    found = posed_keypoints(fit.pose)[:17]
    away = np.linalg.norm(CAMERA.project(found) - joints(true)[:, :2], axis=1)
    assert np.median(away) < 0.02 * np.ptp(joints(true)[:, 1])
    facing = fit.pose.rotation_B33[0, :, 2] @ true.rotation_B33[0, :, 2]
    assert facing > 0.7


def test_unknown_joints_do_not_count() -> None:
    true = person(3, 0.2)
    known = joints(true)
    known[[0, 9, 15]] = 0
    wild = known.copy()
    wild[[0, 9, 15], :2] = 1e4
    first, second = fit_joints(known, CAMERA), fit_joints(wild, CAMERA)
    assert first is not None and second is not None
    assert np.allclose(posed_keypoints(first.pose), posed_keypoints(second.pose), atol=1e-4)


def test_too_few_joints_give_no_fit() -> None:
    few = np.zeros((17, 3))
    few[:3] = [[100, 100, 1], [110, 100, 1], [90, 100, 1]]
    assert fit_joints(few, CAMERA) is None
