"""Rotation vectors: exponential, logarithm, and their derivatives; shortest rotations, and quaternions over time."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from models.arrays import F64, Float

SMALL_ANGLE = 1e-4
"""Radians below which the series are used instead of quotients of small numbers."""


def rotation_exponential(vector_N3: Float) -> F64:
    """Rotation matrices (N, 3, 3) of rotation vectors in radians, by Rodrigues' formula."""
    squared_N = np.einsum("ni,ni->n", vector_N3, vector_N3)
    angle_N = np.sqrt(squared_N)
    safe_N = np.maximum(angle_N, SMALL_ANGLE)
    small_N = angle_N < SMALL_ANGLE
    sine_N = np.where(small_N, 1 - squared_N / 6, np.sin(safe_N) / safe_N)
    cosine_N = np.where(small_N, 0.5 - squared_N / 24, (1 - np.cos(safe_N)) / safe_N**2)
    return _series(vector_N3, sine_N, cosine_N)


def rotation_logarithm(rotation_N33: Float) -> F64:
    """Rotation vectors (N, 3) of rotation matrices, of length up to π.

    They come from the quaternion, as the row of its outer product with itself that has the largest diagonal element
    (Shepperd, 1978).
    """
    matrix_N33, transposed_N33 = np.asarray(rotation_N33, np.float64), np.swapaxes(rotation_N33, 1, 2)
    diagonal_N3 = np.einsum("nii->ni", matrix_N33)
    trace_N1 = diagonal_N3.sum(axis=1, keepdims=True)
    outer_N44 = np.empty((len(matrix_N33), 4, 4))
    outer_N44[:, :3, :3] = matrix_N33 + transposed_N33
    outer_N44[:, range(3), range(3)] = 1 + 2 * diagonal_N3 - trace_N1
    outer_N44[:, 3, :3] = outer_N44[:, :3, 3] = (matrix_N33 - transposed_N33)[:, (2, 0, 1), (1, 2, 0)]
    outer_N44[:, 3, 3] = 1 + trace_N1[:, 0]
    largest_N = np.einsum("nii->ni", outer_N44).argmax(axis=1)
    row_N4 = outer_N44[np.arange(len(matrix_N33)), largest_N]
    sign_N1 = np.where(row_N4[:, 3:] < 0, -1.0, 1.0)
    axis_N3, sine_N = sign_N1 * row_N4[:, :3], np.linalg.norm(row_N4[:, :3], axis=1)
    angle_N = 2 * np.arctan2(sine_N, np.abs(row_N4[:, 3]))
    return np.asarray(axis_N3 * (angle_N / np.maximum(sine_N, 1e-300))[:, None], np.float64)


def shortest_rotation(from_3: Float, to_3: Float) -> F64:
    """The smallest rotations (…, 3, 3) from some directions (…, 3) to others; the identity for opposite directions."""
    unit_from = from_3 / np.linalg.norm(from_3, axis=-1, keepdims=True)
    unit_to = to_3 / np.linalg.norm(to_3, axis=-1, keepdims=True)
    cross = np.cross(unit_from, unit_to)
    cosine = np.sum(unit_from * unit_to, axis=-1, keepdims=True)
    sine = np.linalg.norm(cross, axis=-1, keepdims=True)
    vector = cross * np.arctan2(sine, cosine) / np.maximum(sine, 1e-12)
    return Rotation.from_rotvec(vector.reshape(-1, 3)).as_matrix().reshape(*cross.shape, 3)


def continuous_quaternions(rotation_T33: Float) -> F64:
    """Quaternions x, y, z, w (T, …, 4) of rotations (T, …, 3, 3) whose signs do not jump from frame to frame."""
    quaternion_T4 = unit_quaternions(rotation_T33.reshape(-1, 3, 3)).reshape(*rotation_T33.shape[:-2], 4)
    agrees_T = (quaternion_T4[1:] * quaternion_T4[:-1]).sum(axis=-1) >= 0
    quaternion_T4[1:] *= np.cumprod(np.where(agrees_T, 1, -1), axis=0)[..., None]
    return quaternion_T4


def unit_quaternions(rotation_N33: Float) -> F64:
    """Unit quaternions (N, 4) x, y, z, w of rotations, from the largest element of each (Shepperd, 1978).

    The matrices must be orthogonal up to rounding.
    """
    value_N33 = rotation_N33.astype(np.float64)
    trace_N = np.trace(value_N33, axis1=1, axis2=2)
    diagonal_N4 = np.column_stack([np.diagonal(value_N33, axis1=1, axis2=2), trace_N])
    largest_N, quaternion_N4 = diagonal_N4.argmax(axis=1), np.empty((len(value_N33), 4))
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        chosen_N = largest_N == i
        turn_M33 = value_N33[chosen_N]
        quaternion_N4[chosen_N, i] = 1 - trace_N[chosen_N] + 2 * turn_M33[:, i, i]
        quaternion_N4[chosen_N, j] = turn_M33[:, j, i] + turn_M33[:, i, j]
        quaternion_N4[chosen_N, k] = turn_M33[:, k, i] + turn_M33[:, i, k]
        quaternion_N4[chosen_N, 3] = turn_M33[:, k, j] - turn_M33[:, j, k]
    near_M33 = value_N33[largest_N == 3]
    quaternion_N4[largest_N == 3] = np.column_stack([
        near_M33[:, 2, 1] - near_M33[:, 1, 2], near_M33[:, 0, 2] - near_M33[:, 2, 0],
        near_M33[:, 1, 0] - near_M33[:, 0, 1], 1 + trace_N[largest_N == 3],
    ])  # fmt: skip
    return np.asarray(quaternion_N4 / np.linalg.norm(quaternion_N4, axis=1, keepdims=True))


def left_jacobian(vector_N3: Float) -> F64:
    """Matrices J (N, 3, 3) with exp(v + d) ≈ exp(J d) · exp(v) for a small d (Solà et al., 2018, eq. 145)."""
    squared_N = np.einsum("ni,ni->n", vector_N3, vector_N3)
    angle_N = np.sqrt(squared_N)
    safe_N = np.maximum(angle_N, SMALL_ANGLE)
    small_N = angle_N < SMALL_ANGLE
    first_N = np.where(small_N, 0.5 - squared_N / 24, (1 - np.cos(safe_N)) / safe_N**2)
    second_N = np.where(small_N, 1 / 6 - squared_N / 120, (safe_N - np.sin(safe_N)) / safe_N**3)
    return _series(vector_N3, first_N, second_N)


def inverse_left_jacobian(vector_N3: Float) -> F64:
    """The inverses (N, 3, 3) of `left_jacobian`, for vectors of length below 2 π."""
    squared_N = np.einsum("ni,ni->n", vector_N3, vector_N3)
    angle_N = np.sqrt(squared_N)
    safe_N = np.maximum(angle_N, SMALL_ANGLE)
    cotangent_N = 1 / safe_N**2 - 1 / (2 * safe_N * np.tan(safe_N / 2))
    second_N = np.where(angle_N < SMALL_ANGLE, 1 / 12 + squared_N / 720, cotangent_N)
    return _series(vector_N3, np.full(len(vector_N3), -0.5), second_N)


def cross_matrices(vector_N3: Float) -> F64:
    """Matrices X (N, 3, 3) with X y = v × y."""
    cross_N33 = np.zeros((len(vector_N3), 3, 3))
    x_N, y_N, z_N = vector_N3.T
    cross_N33[:, 0, 1], cross_N33[:, 0, 2], cross_N33[:, 1, 2] = -z_N, y_N, -x_N
    cross_N33[:, 1, 0], cross_N33[:, 2, 0], cross_N33[:, 2, 1] = z_N, -y_N, x_N
    return cross_N33


def _series(vector_N3: Float, first_N: F64, second_N: F64) -> F64:
    """1 + first · X + second · X², where X is the matrix of the cross product with the vector."""
    cross_N33 = cross_matrices(vector_N3)
    squared_N33 = cross_N33 @ cross_N33
    return np.eye(3) + first_N[:, None, None] * cross_N33 + second_N[:, None, None] * squared_N33
