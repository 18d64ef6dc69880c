"""The priors of pose and shape: held-out people, finite differences, limits of joints."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from models.body.pose_library import PoseLibrary, load_poses
from models.body.pose_prior import (
    TURNED,
    library_vectors,
    load_pose_prior,
    person_weights,
    prior_of,
)
from tools.bake_poses import HELD_OUT_MOTIONS

pytestmark = pytest.mark.quick


def part_of(library: PoseLibrary, chosen_N: np.ndarray) -> PoseLibrary:
    return replace(
        library, vector_NK3=library.vector_NK3[chosen_N], motion_N=library.motion_N[chosen_N],
        frame_N=library.frame_N[chosen_N],
    )


def test_people_whom_the_prior_has_not_seen_are_likelier_than_under_independent_angles():
    """All of CMU's subject 2 are held out."""
    library = load_poses()
    subject_N = np.array([name.startswith("cmu/002") for name in library.motions])[library.motion_N]
    prior = prior_of(part_of(library, ~subject_N))
    held_PX = library_vectors(part_of(library, subject_N))[::10].reshape(-1, 3 * len(TURNED))
    covariance_XX = np.linalg.inv(prior.whitening_XX.T @ prior.whitening_XX)
    full = multivariate_normal(prior.mean_X, covariance_XX).logpdf(held_PX)
    independent = multivariate_normal(prior.mean_X, np.diag(np.diag(covariance_XX))).logpdf(held_PX)
    assert full.mean() > independent.mean() + 5


def test_the_prior_holds_no_motion_that_is_kept_for_scores():
    assert not set(HELD_OUT_MOTIONS) & set(load_poses().motions)


def test_nobody_outweighs_all_others():
    library = load_poses()
    subject_N = np.array([name.startswith("cmu/005") for name in library.motions])[library.motion_N]
    weight_N = person_weights(library)
    assert subject_N.mean() > 0.3 > 0.2 > weight_N[subject_N].sum() / weight_N.sum()


def test_the_prior_is_its_own_mirror_image():
    prior, flip = load_pose_prior(), np.array([1, -1, -1])
    twins = [TURNED.index(name[:-1] + {"L": "R", "R": "L"}[name[-1]] if "." in name else name) for name in TURNED]
    mean_R3 = prior.mean_X.reshape(-1, 3)
    np.testing.assert_allclose(mean_R3[twins] * flip, mean_R3, atol=1e-9)
    one_R3 = np.random.default_rng(0).normal(0, 0.8, mean_R3.shape)
    both = (one_R3, one_R3[twins] * flip)
    far = [np.linalg.norm(prior.whitening_XX @ (pose_R3 - mean_R3).ravel()) for pose_R3 in both]
    assert far[0] == pytest.approx(far[1])


def test_knees_bend_forward_and_turn_about_one_axis():
    """With all other joints at the mean pose, a knee that bends back or sideways is far less probable."""
    prior = load_pose_prior()

    def away(axis: int, degrees: float) -> float:
        vector_R3 = prior.mean_X.copy().reshape(-1, 3)
        vector_R3[TURNED.index("lowerleg01.L")] = np.radians(degrees) * np.eye(3)[axis]
        return float(np.square(prior.whitening_XX @ (vector_R3.ravel() - prior.mean_X)).sum())

    assert away(0, -60) > away(0, 0) + 10 > away(0, 60) + 10
    assert away(2, 40) > away(0, 0) + 30
