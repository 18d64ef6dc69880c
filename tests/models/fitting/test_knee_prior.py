"""Straight knees: the slopes of their cost are its derivatives; who stands is fitted standing, and who kneels bent."""

from __future__ import annotations

import numpy as np
import pytest
from posed_people import CAMERA, FACING, rendered

from models.body.body_pose import posed_keypoints
from models.body.open_body import KEYPOINT_NAMES, load_body
from models.fitting.joint_fit import fit_joints
from models.fitting.knee_prior import KNEE_X, SPREAD, STRAIGHT, knee_cost, knee_slopes


@pytest.mark.parametrize("away", [0.0, 0.5, 1.5])
def test_slopes_are_the_derivatives_of_the_cost(away: float) -> None:
    vector = np.zeros(54)
    vector[KNEE_X] = STRAIGHT + away * SPREAD * np.array([1, -1])
    steps = 1e-5 * np.eye(54)
    measured = [(knee_cost(vector + step) - knee_cost(vector - step)) / 2e-5 for step in steps]
    assert np.allclose(knee_slopes(vector)[1], measured, atol=1e-6)


def flexions(joint_J3: np.ndarray) -> np.ndarray:
    """Flexion of both knees, degrees."""
    found = []
    for side in ("left", "right"):
        hip, knee, ankle = (joint_J3[KEYPOINT_NAMES.index(f"{side}_{name}")] for name in ("hip", "knee", "ankle"))
        upper, lower = knee - hip, ankle - knee
        found.append(np.degrees(np.arccos(upper @ lower / np.linalg.norm(upper) / np.linalg.norm(lower))))
    return np.array(found)


@pytest.mark.parametrize(("thighs", "shanks", "low", "high"), [(0.0, -0.04, 0, 8), (-0.9, 1.3, 45, 100)])
def test_a_fit_to_joints_stands_or_crouches(thighs: float, shanks: float, low: float, high: float) -> None:
    body = load_body()
    turn_B33 = np.tile(np.eye(3, dtype=np.float32), (len(body.bones), 1, 1))
    turn_B33[0] = FACING
    for name, angle in (("upperleg01", thighs), ("lowerleg01", shanks)):
        cos, sin = np.cos(angle), np.sin(angle)
        for side in "LR":
            turn_B33[body.bone(f"{name}.{side}")] = [[1, 0, 0], [0, cos, -sin], [0, sin, cos]]
    true = rendered(turn_B33, np.array([0, 0.1, 3.5], np.float32), np.zeros(16, np.float32))
    assert ((flexions(true.keypoint_J3) >= low) & (flexions(true.keypoint_J3) <= high)).all()
    fit = fit_joints(np.column_stack([CAMERA.project(true.keypoint_J3[:17]), np.ones(17)]), CAMERA)
    assert fit is not None
    found = flexions(posed_keypoints(fit.pose))
    assert (found >= low).all() and (found <= high).all(), found
