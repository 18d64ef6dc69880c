"""How far the joints of a fitted body are from the true ones, in three dimensions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.arrays import F64, Float
from models.body.body_pose import BodyPose, posed_keypoints, posed_vertices
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


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseErrors:
    """How far a body is from the true one, millimetres.

    Attributes:
        joint_M: distances of the `MAIN_JOINTS` relative to the hips; their mean is MPJPE.
        aligned: mean distance of these joints after alignment (PA-MPJPE).
        vertices: mean distance of all vertices relative to the hips.
    """

    joint_M: F64
    aligned: float
    vertices: float

    @property
    def mpjpe(self) -> float:
        """The mean of the joints."""
        return float(self.joint_M.mean())


NO_BODY_MM = 300.0
NO_BODY = PoseErrors(joint_M=np.full(len(MAIN_JOINTS), NO_BODY_MM), aligned=NO_BODY_MM, vertices=NO_BODY_MM)
"""What a person counts for whom no body is found."""


def pose_errors(found: BodyPose | None, true: BodyPose) -> PoseErrors:
    """The errors of a body; `NO_BODY` without one."""
    if found is None:
        return NO_BODY
    found_J3, true_J3 = posed_keypoints(found), posed_keypoints(true)
    away_M3 = (from_hips(found_J3, found_J3) - from_hips(true_J3, true_J3))[MAIN_JOINTS]
    aligned_M3 = similarity_aligned(found_J3[MAIN_JOINTS].astype(float), true_J3[MAIN_JOINTS].astype(float))
    away_V3 = from_hips(posed_vertices(found), found_J3) - from_hips(posed_vertices(true), true_J3)
    return PoseErrors(
        joint_M=np.asarray(1e3 * np.linalg.norm(away_M3, axis=1), np.float64),
        aligned=1e3 * float(np.linalg.norm(aligned_M3 - true_J3[MAIN_JOINTS], axis=1).mean()),
        vertices=1e3 * float(np.linalg.norm(away_V3, axis=1).mean()),
    )
