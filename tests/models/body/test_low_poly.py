"""The low-poly body against the body itself, in poses from which its weights were not fitted."""

from __future__ import annotations

import numpy as np
import pytest

from models.body.low_poly import load_low_poly
from models.body.open_body import KEYPOINT_NAMES, load_body
from models.body.pose_library import load_poses
from tools.bake_low_poly import poses_for_tests, random_poses


@pytest.fixture(scope="module")
def posed_bodies():
    library = load_poses()
    return random_poses(library, poses_for_tests(library), 12, seed=5).transpose(1, 0, 2)


def test_all_vertices_follow_from_five_hundred_within_millimetres(posed_bodies):
    low = load_low_poly()
    assert len(low.vertex_L) == 500
    error_MV = np.stack([1000 * np.linalg.norm(low.upsampled(v[low.vertex_L]) - v, axis=1) for v in posed_bodies])
    assert error_MV.mean() < 2
    assert np.quantile(error_MV, 0.99) < 9
    chart_V = np.zeros(error_MV.shape[1], int)
    chart_V[load_body().face_F3.ravel()] = np.repeat(load_body().chart_F, 3)
    for charts in ((3, 4), (5, 6), (23, 24), (1, 2)):  # hands, feet, head, torso
        assert error_MV[:, np.isin(chart_V, charts)].mean() < 3.5


def test_keypoints_follow_within_three_millimetres(posed_bodies):
    low, share_JV = load_low_poly(), load_body().keypoint_KV
    for vertex_V3 in posed_bodies:
        moved_J = np.linalg.norm(share_JV @ (low.upsampled(vertex_V3[low.vertex_L]) - vertex_V3), axis=1)
        assert len(moved_J) == len(KEYPOINT_NAMES)
        assert moved_J[:17].max() < 0.003
        assert moved_J.mean() < 0.002


def test_moving_and_turning_commute_with_upsampling(posed_bodies):
    low, turn_33 = load_low_poly(), np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]], np.float32)
    point_L3 = posed_bodies[0][low.vertex_L]
    np.testing.assert_allclose(
        low.upsampled(point_L3 @ turn_33.T + 2), low.upsampled(point_L3) @ turn_33.T + 2, atol=1e-5
    )


def test_the_mirror_image_is_exact(posed_bodies):
    low, body, flip = load_low_poly(), load_body(), np.array([-1, 1, 1], np.float32)
    np.testing.assert_array_equal(low.vertex_L[low.twin_L], body.twin_V[low.vertex_L])
    point_L3 = posed_bodies[0][low.vertex_L]
    mirrored_V3 = low.upsampled(point_L3[low.twin_L] * flip)
    middle_V = body.twin_V == np.arange(len(body.twin_V))
    expected_V3 = (low.upsampled(point_L3) * flip)[body.twin_V]
    np.testing.assert_allclose(mirrored_V3[~middle_V], expected_V3[~middle_V], atol=1e-6)
    np.testing.assert_allclose(mirrored_V3[middle_V], expected_V3[middle_V], atol=0.01)


def test_disturbed_vertices_give_surfaces_that_are_no_more_disturbed():
    """Independent errors shrink on the way to the whole surface."""
    low, rng = load_low_poly(), np.random.default_rng(0)
    disturbed_V3 = low.upsampled(rng.normal(0, 1, (500, 3)))
    assert np.sqrt(np.square(disturbed_V3).mean()) < 1
