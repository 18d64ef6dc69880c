"""The smoothest functions on a mesh: eigenfunctions of its Laplace–Beltrami operator, and random embeddings of them."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import eigsh

from models.arrays import F32, Float, Int

WEIGHT_LIMITS = (1e-2, 1e2)
"""Smallest and largest cotangent of a corner, so that weights are positive also at blunt and at sharp corners."""
SHIFT = -1e-3
"""Eigenvalues nearest to this are computed, 1/m²; it lies below them all, so that the matrix can be inverted."""
EVEN = 10
"""Functions up to this number have about the same weight in a random embedding; rougher ones have less."""


def smooth_basis(vertex_V3: Float, face_F3: Int, count: int) -> tuple[F32, Float]:
    """The functions on a mesh that vary least.

    Source: cotangent weights after Pinkall and Polthier (1993).

    Returns:
        value_VK: K = `count` functions at the vertices, float32, each with a mean square of 1 over the surface.
        eigenvalue_K: ascending, 1/m²; about 0 for functions that are constant on each connected part.
    """
    corner_F33 = np.asarray(vertex_V3, np.float64)[face_F3]
    vertices = len(vertex_V3)
    stiffness, area_V = sparse.csr_matrix((vertices, vertices)), np.zeros(vertices)
    for corner in range(3):
        one, other = face_F3[:, (corner + 1) % 3], face_F3[:, (corner + 2) % 3]
        to_one, to_other = (corner_F33[:, (corner + step) % 3] - corner_F33[:, corner] for step in (1, 2))
        double_area_F = np.linalg.norm(np.cross(to_one, to_other), axis=1)
        cotangent_F = np.clip((to_one * to_other).sum(axis=1) / np.maximum(double_area_F, 1e-12), *WEIGHT_LIMITS) / 2
        edges = (np.concatenate([one, other]), np.concatenate([other, one]))
        stiffness = stiffness - sparse.csr_matrix((np.tile(cotangent_F, 2), edges), shape=stiffness.shape)
        np.add.at(area_V, face_F3[:, corner], double_area_F / 6)
    stiffness = stiffness - sparse.diags(np.asarray(stiffness.sum(axis=1)).ravel())
    mass = sparse.diags(np.maximum(area_V, 1e-12))
    start_V = np.random.default_rng(0).standard_normal(vertices)
    eigenvalue_K, value_VK = eigsh(stiffness.tocsc(), k=count, M=mass.tocsc(), sigma=SHIFT, v0=start_V)
    order_K = np.argsort(eigenvalue_K)
    return (value_VK[:, order_K] * np.sqrt(area_V.sum())).astype(np.float32), eigenvalue_K[order_K]


def random_embedding(eigenvalue_K: Float, channels: int, seed: int) -> F32:
    """Weights (K, channels) float32 with which K smooth functions make a random, smooth embedding of the mesh.

    Constant functions have the weight 0: they would move all vertices to one place.
    """
    drawn = np.random.default_rng(seed).standard_normal((len(eigenvalue_K), channels))
    knee = eigenvalue_K[min(EVEN, len(eigenvalue_K) - 1)]
    share_K = np.where(eigenvalue_K > -SHIFT, 1 / (1 + eigenvalue_K / knee), 0)
    return (drawn * share_K[:, None]).astype(np.float32)
