"""The priors of pose and shape: held-out people, finite differences, limits of joints."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from scipy.stats import multivariate_normal

from models.arrays import F64
from models.body.bake_poses import KEPT_APART
from models.body.open_body import load_body
from models.body.pose_library import PoseLibrary, load_poses
from models.body.pose_prior import (
    TURNED,
    library_vectors,
    limit_residuals,
    load_pose_prior,
    person_weights,
    pose_residuals,
    prior_of,
    shape_whitening,
)
from models.body.reduced_pose import PLACE, ROTATIONS, TURNS, ReducedPose

pytestmark = pytest.mark.quick


def pose_of(vector_X: F64) -> ReducedPose:
    rotation_R33 = np.concatenate([np.eye(3)[None], Rotation.from_rotvec(vector_X.reshape(-1, 3)).as_matrix()])
    return ReducedPose(rotation_R33=rotation_R33, root_3=np.zeros(3), shape_C=np.zeros(16))


def random_vectors(seed: int) -> F64:
    return np.random.default_rng(seed).normal(0, 0.8, 3 * len(TURNED))


def part_of(library: PoseLibrary, chosen_P: np.ndarray) -> PoseLibrary:
    return replace(
        library, vector_PK3=library.vector_PK3[chosen_P], motion_P=library.motion_P[chosen_P],
        frame_P=library.frame_P[chosen_P],
    )


def test_people_whom_the_prior_has_not_seen_are_likelier_than_under_independent_angles():
    """All of CMU's subject 2 are held out."""
    library = load_poses()
    subject_P = np.array([name.startswith("cmu/002") for name in library.motions])[library.motion_P]
    prior = prior_of(part_of(library, ~subject_P))
    held_PX = library_vectors(part_of(library, subject_P))[::10].reshape(-1, 3 * len(TURNED))
    covariance_XX = np.linalg.inv(prior.whitening_XX.T @ prior.whitening_XX)
    full = multivariate_normal(prior.mean_X, covariance_XX).logpdf(held_PX)
    independent = multivariate_normal(prior.mean_X, np.diag(np.diag(covariance_XX))).logpdf(held_PX)
    assert full.mean() > independent.mean() + 5


def test_the_prior_holds_no_motion_that_is_kept_for_scores():
    assert not set(KEPT_APART) & set(load_poses().motions)


def test_nobody_outweighs_all_others():
    library = load_poses()
    subject_P = np.array([name.startswith("cmu/005") for name in library.motions])[library.motion_P]
    weight_P = person_weights(library)
    assert subject_P.mean() > 0.3 > 0.2 > weight_P[subject_P].sum() / weight_P.sum()


def test_the_prior_is_its_own_mirror_image():
    prior, flip = load_pose_prior(), np.array([1, -1, -1])
    twins = [TURNED.index(name[:-1] + {"L": "R", "R": "L"}[name[-1]] if "." in name else name) for name in TURNED]
    for vector_X in (prior.mean_X, prior.low_X + prior.high_X):
        vector_R3 = vector_X.reshape(-1, 3)
        np.testing.assert_allclose(vector_R3[twins] * flip, vector_R3, atol=1e-9)
    one_X = random_vectors(0)
    other_X = (one_X.reshape(-1, 3)[twins] * flip).ravel()
    assert distance(one_X) == pytest.approx(distance(other_X))


def distance(vector_X: F64) -> float:
    return float(np.square(pose_residuals(load_pose_prior(), pose_of(vector_X)).value_X).sum())


def test_residuals_give_the_mahalanobis_distance():
    prior, vector_X = load_pose_prior(), random_vectors(1)
    vector_X = Rotation.from_rotvec(vector_X.reshape(-1, 3)).as_rotvec().ravel()
    precision_XX = prior.whitening_XX.T @ prior.whitening_XX
    expected = (vector_X - prior.mean_X) @ precision_XX @ (vector_X - prior.mean_X)
    assert distance(vector_X) == pytest.approx(expected)


@pytest.mark.parametrize("residuals", [pose_residuals, limit_residuals])
def test_derivatives_equal_finite_differences(residuals):
    prior, pose = load_pose_prior(), pose_of(2 * random_vectors(2))
    jacobian_XP = residuals(prior, pose).jacobian_XP
    assert jacobian_XP.shape == (3 * len(TURNED), TURNS)
    assert np.abs(jacobian_XP).max() > 1
    for parameter in range(TURNS):
        step_P = np.zeros(PLACE.stop + 16)
        step_P[parameter] = 1e-6
        ends = [residuals(prior, pose.moved(way_P)).value_X for way_P in (step_P, -step_P)]
        np.testing.assert_allclose((ends[0] - ends[1]) / 2e-6, jacobian_XP[:, parameter], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("joint", "axis", "degrees", "allowed"),
    [
        ("lowerleg01.L", 0, 100, True), ("lowerleg01.R", 0, -40, False), ("lowerleg01.R", 2, 40, False),
        ("neck", 1, 50, True), ("neck", 1, 150, False), ("foot.L", 0, 90, False), ("upperleg01.L", 0, -80, True),
        ("upperleg01.R", 0, 110, False), ("spine", 0, -90, False),
    ],
)
def test_joints_have_limits(joint, axis, degrees, allowed):
    """Knees bend forward only, nobody looks back over the own spine. Other joints keep the mean pose."""
    prior = load_pose_prior()
    vector_R3 = prior.mean_X.copy().reshape(-1, 3)
    vector_R3[TURNED.index(joint)] = np.radians(degrees) * np.eye(3)[axis]
    beyond = np.abs(limit_residuals(prior, pose_of(vector_R3.ravel())).value_X).max()
    assert (beyond == 0) == allowed


def test_almost_all_poses_of_people_are_within_the_limits():
    prior = load_pose_prior()
    vector_PX = library_vectors(load_poses()).reshape(-1, 3 * len(TURNED))
    within_P = ((vector_PX >= prior.low_X) & (vector_PX <= prior.high_X)).all(axis=1)
    assert within_P.mean() > 0.97


def test_size_and_age_are_nearly_free_and_the_rest_has_unit_variance():
    body, whitening_CC = load_body(), shape_whitening()
    assert np.sort(np.linalg.eigvalsh(whitening_CC)) == pytest.approx([1 / 3, 1 / 3, *[1] * 14])
    ages = body.phenotype_SP[:, body.phenotypes.index("age")]
    child_C, adult_C = (body.score_SC[mask].mean(axis=0) for mask in (ages < 0.5, ages > 0.8))
    way_C = (adult_C - child_C) / np.linalg.norm(adult_C - child_C)
    assert np.linalg.norm(whitening_CC @ way_C) < 0.5
    assert ROTATIONS[0] == "root"
