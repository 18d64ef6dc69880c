"""Smooth functions on a sphere, whose eigenvalues are known: l (l + 1) / r², each 2 l + 1 times."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from models.surface.mesh_basis import random_embedding, smooth_basis

pytestmark = pytest.mark.quick

RADIUS = 0.5


@pytest.fixture(scope="module")
def sphere() -> tuple[np.ndarray, np.ndarray]:
    """1,500 points spread evenly over a sphere, and its faces, all counter-clockwise."""
    at_V = np.arange(1500) + 0.5
    height_V, turn_V = 1 - 2 * at_V / len(at_V), np.pi * (1 + 5**0.5) * at_V
    flat_V = np.sqrt(1 - height_V**2)
    point_V3 = RADIUS * np.stack([flat_V * np.cos(turn_V), flat_V * np.sin(turn_V), height_V], axis=1)
    return point_V3, ConvexHull(point_V3).simplices


def test_a_sphere_has_the_eigenvalues_of_spherical_harmonics(sphere: tuple[np.ndarray, np.ndarray]) -> None:
    value_VK, eigenvalue_K = smooth_basis(*sphere, 16)
    degree_K = np.repeat([0, 1, 2, 3], [1, 3, 5, 7])
    assert eigenvalue_K == pytest.approx(degree_K * (degree_K + 1) / RADIUS**2, rel=0.02, abs=1e-6)
    assert (value_VK.astype(float) ** 2).mean(axis=0) == pytest.approx(1, rel=0.05)
    # The functions of degree 1 are the coordinates: they span what x, y and z span.
    place_V3 = sphere[0] / RADIUS
    left_V3 = place_V3 - value_VK[:, 1:4] @ np.linalg.lstsq(value_VK[:, 1:4], place_V3, rcond=None)[0]
    assert np.abs(left_V3).max() < 0.02


def test_a_random_embedding_is_smooth_and_has_no_constant_part(sphere: tuple[np.ndarray, np.ndarray]) -> None:
    _, eigenvalue_K = smooth_basis(*sphere, 49)
    mixture_KE = random_embedding(eigenvalue_K, 16, seed=3)
    assert not mixture_KE[0].any() and np.abs(mixture_KE[1:]).min() > 0
    size_K = np.linalg.norm(mixture_KE, axis=1)
    assert size_K[40:].mean() < 0.5 * size_K[1:10].mean()
    assert np.array_equal(mixture_KE, random_embedding(eigenvalue_K, 16, seed=3))
    assert not np.array_equal(mixture_KE, random_embedding(eigenvalue_K, 16, seed=4))
