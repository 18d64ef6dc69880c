"""Normals of a mesh's vertices."""

from __future__ import annotations

import numpy as np

from models.arrays import F32, Float, Int


def summed_normals(vertex_V3: Float, face_F3: Int) -> Float:
    """The sum of the outward normals of the faces around each vertex (V, 3), each as long as twice the face's area."""
    a, b, c = (vertex_V3[face_F3[:, k]] for k in range(3))
    face = np.cross(b - a, c - a)
    count = len(vertex_V3)
    return np.stack([sum(np.bincount(face_F3[:, k], face[:, i], count) for k in range(3)) for i in range(3)], axis=1)


def vertex_normals(vertex_V3: Float, face_F3: Int) -> F32:
    """Outward unit normals of vertices (V, 3), weighted by the area of the faces."""
    total = summed_normals(vertex_V3, face_F3)
    return (total / (np.linalg.norm(total, axis=1, keepdims=True) + 1e-12)).astype(np.float32)
