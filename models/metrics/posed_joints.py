"""How far the joints of a fitted body are from the true ones, in three dimensions."""

from __future__ import annotations

import numpy as np

from models.arrays import F64, Float
from models.body.open_body import KEYPOINT_NAMES

PARTS = ("nose", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
MAIN_JOINTS = [j for j, name in enumerate(KEYPOINT_NAMES) if name.rpartition("_")[2] in PARTS]
"""Keypoints that count in the mean: the nose and twelve of the limbs."""
HIPS = [KEYPOINT_NAMES.index(f"{side}_hip") for side in ("left", "right")]


def from_hips(point_N3: Float, keypoint_J3: Float) -> F64:
    """Points relative to the middle of the hips of their body."""
    return np.asarray(point_N3 - keypoint_J3[HIPS].mean(axis=0), np.float64)


def similarity_aligned(found_M3: Float, true_M3: Float) -> F64:
    """The found points after the rotation, scale and shift that bring them nearest to the true ones (Procrustes)."""
    found_3, true_3 = found_M3.mean(axis=0), true_M3.mean(axis=0)
    left_33, scale_3, right_33 = np.linalg.svd((true_M3 - true_3).T @ (found_M3 - found_3))
    signs_3 = np.array([1, 1, np.sign(np.linalg.det(left_33 @ right_33))])
    scale = float(scale_3 @ signs_3) / max(float(np.square(found_M3 - found_3).sum()), 1e-12)
    return np.asarray(scale * (found_M3 - found_3) @ (left_33 * signs_3 @ right_33).T + true_3, np.float64)
