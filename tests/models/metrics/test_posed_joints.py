"""Errors of joints in space: a shift does not count from the hips, and turn and scale do not after alignment."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models.metrics.posed_joints import from_hips, similarity_aligned

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
