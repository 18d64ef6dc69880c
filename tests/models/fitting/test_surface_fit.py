"""Fits to exact surfaces find the pose from which they were rendered; what is not seen is said to be unsure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from posed_people import CAMERA, RenderedPerson, person

from models.body.body_pose import posed_keypoints
from models.body.fitted_body import FittedBody
from models.body.open_body import KEYPOINT_NAMES, load_body
from models.fitting.correspondences import correspondences
from models.fitting.surface_fit import EXACT, fit_surface

POSES = {3: 0.3, 400: -0.8, 1500: 2.6, 2500: 0.0}
"""Numbers of poses in the library, and headings."""
SIZES = {pose: seed for seed, pose in enumerate(POSES)}


def joint_errors(fit: FittedBody | None, true: RenderedPerson) -> np.ndarray:
    """Distances of the 17 joints relative to the middle of the hips, metres."""
    assert fit is not None
    found, there = posed_keypoints(fit.pose)[:17], true.keypoint_J3[:17]
    return np.linalg.norm((found - found[11:13].mean(0)) - (there - there[11:13].mean(0)), axis=1)


@pytest.mark.parametrize("pose", POSES)
def test_an_exact_surface_gives_back_its_pose(pose: int) -> None:
    true = person(pose, POSES[pose], SIZES[pose])
    fit = fit_surface(true, CAMERA, EXACT)
    assert joint_errors(fit, true).mean() < 0.06
    assert fit is not None and fit.residual < 0.01


def test_the_place_is_that_of_the_person_seen_by_this_camera() -> None:
    true = person(3, 0.3)
    fit = fit_surface(true, CAMERA, EXACT)
    assert fit is not None
    assert np.abs(fit.pose.root_3 - true.root_3)[:2].max() < 0.06
    assert abs(fit.pose.root_3[2] / true.root_3[2] - 1) < 0.08


def test_a_hidden_arm_is_less_sure_than_one_that_is_seen() -> None:
    true = person(3, 0.0)
    left_arm = [4, 15, 17, 19, 21]
    cut = replace(true, labels_hw=np.where(np.isin(true.labels_hw, left_arm), 0, true.labels_hw).astype(np.uint8))
    fit = fit_surface(cut, CAMERA, EXACT)
    assert fit is not None
    left, right = (KEYPOINT_NAMES.index(f"{side}_wrist") for side in ("left", "right"))
    assert fit.confidence_J[left] < 0.7 * fit.confidence_J[right]
    bone = load_body().bone
    assert fit.seen_B[bone("lowerarm01.L")] < 0.1 < fit.seen_B[bone("lowerarm01.R")]


def test_too_little_of_a_person_gives_no_fit() -> None:
    true = person(3, 0.0)
    labels = np.zeros_like(true.labels_hw)
    assert fit_surface(replace(true, labels_hw=labels), CAMERA) is None
    labels[200, 200:205] = true.labels_hw[200, 200:205]
    assert fit_surface(replace(true, labels_hw=labels), CAMERA) is None


def test_a_surface_that_is_one_place_of_the_skin_gives_no_fit() -> None:
    true = person(3, 0.0)
    labels, uv = np.zeros_like(true.labels_hw), np.full_like(true.uv_2hw, 0.4)
    labels[200:220, 200:220] = 2
    assert fit_surface(replace(true, labels_hw=labels, uv_2hw=uv), CAMERA) is None


def test_an_unsure_surface_is_less_probably_a_person() -> None:
    true = person(3, 0.3)
    told = []
    for level in (0.75, 0.2):
        fit = fit_surface(replace(true, confidence_hw=np.full(true.labels_hw.shape, level, np.float32)), CAMERA)
        assert fit is not None
        told.append(fit.is_person)
    assert told[0] > 0.9
    assert told[1] < 0.4


def test_joints_of_a_network_count_by_their_scores() -> None:
    true = person(3, 0.3)
    joints = np.column_stack([CAMERA.project(true.keypoint_J3[:17]), np.ones(17)]).astype(np.float32)
    wrist = KEYPOINT_NAMES.index("left_wrist")
    joints[wrist] += 0.03 * np.ptp(joints[:, 1]), 0, 0
    projected = []
    for score in (1.0, 0.2):
        joints[wrist, 2] = score
        fit = fit_surface(replace(true, keypoint_K3=joints), CAMERA)
        assert fit is not None
        projected.append(CAMERA.project(posed_keypoints(fit.pose)[wrist : wrist + 1])[0])
    away = [np.hypot(*(place - joints[wrist, :2])) for place in projected]
    assert away[0] < 0.8 * away[1]


@pytest.mark.quick
def test_a_chart_gets_points_by_the_root_of_its_size() -> None:
    seen = correspondences(person(3, 0.0))
    assert 100 < len(seen.chart_N) <= 200
    torso = np.isin(seen.chart_N, (1, 2)).mean()
    pixels = np.isin(person(3, 0.0).labels_hw, (1, 2)).sum() / (person(3, 0.0).labels_hw > 0).sum()
    assert 0.03 < torso < pixels


@pytest.mark.quick
def test_the_far_ends_of_charts_are_inside_of_them() -> None:
    """U and V of exactly 1, also in the last chart."""
    true = person(3, 0.0)
    labels, uv = np.zeros_like(true.labels_hw), np.ones_like(true.uv_2hw)
    labels[:40, :40] = 24
    assert correspondences(replace(true, labels_hw=labels, uv_2hw=uv)).seen_B.max() < 0.2
