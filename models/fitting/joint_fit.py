"""Fits the open body to 2-D joints alone, as SMPLify does (Bogo et al., ECCV 2016): the baseline of dense fits.

The first steps change the root's rotation and position only. They start from an upright body that faces the camera, and
again from one that faces away. Then all parameters change, in four stages in which the weight of the priors falls.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from models.arrays import F64, Float
from models.body.camera import PinholeCamera
from models.body.fitted_body import FittedBody
from models.body.open_body import COCO_KEYPOINTS, load_body
from models.body.reduced_pose import ReducedPose
from models.body.skinned_points import points_on_faces
from models.fitting.correspondences import Correspondences
from models.fitting.initial_poses import pose_at_origin
from models.fitting.least_squares import (
    FitProblem,
    FitWeights,
    PoseGaussian,
    library_prior,
    minimized_pose,
    minimized_root,
)
from models.fitting.surface_fit import fitted_body

HEIGHT_M, TORSO_M = 1.7, 0.5
"""Metres: height of a usual person, and the distance from shoulder to hip. They give the first distance."""
MIN_DISTANCE_M = 0.5
"""The smallest first distance from the camera, metres."""
MIN_JOINTS = 4
"""Fewer known joints give no fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JointFitSettings:
    """How joints are fitted.

    Attributes:
        pose_weights, shape_weights: weight of the two priors in each stage: the published ones, relative to the last.
        kernel_width: width of the robust kernel in standard deviations of a joint.
        camera_steps, steps: maximum number of steps of the root alone, and of each stage.
        joint: weight of a known joint.
    """

    pose_weights: tuple[float, ...] = (84.0, 84.0, 12.0, 1.0)
    shape_weights: tuple[float, ...] = (20.0, 10.0, 2.0, 1.0)
    kernel_width: float = 5.0
    camera_steps: int = 10
    steps: int = 10
    joint: float = 1.0


def fit_joints(
    joint_J3: Float,
    camera: PinholeCamera,
    settings: JointFitSettings | None = None,
    prior: PoseGaussian | None = None,
) -> FittedBody | None:
    """The open body that fits a person's joints; None where fewer than `MIN_JOINTS` are known.

    Args:
        joint_J3: the first keypoints of `KEYPOINT_NAMES` (17 or more): x, y in pixels of the frame, score. A score of
            0 means unknown.
        camera: the camera of the frame.
        settings: how the body is fitted; None uses the defaults.
        prior: the prior of poses; None uses `library_prior()`.
    """
    settings, prior = settings or JointFitSettings(), prior or library_prior()
    exact_J3: F64 = np.asarray(joint_J3, np.float64)
    known_K2 = exact_J3[exact_J3[:, 2] > 0, :2]
    if len(known_K2) < MIN_JOINTS:
        return None
    seen = _joints_alone(exact_J3, float(np.ptp(known_K2, axis=0).max()) + 1)
    poses = [_upright(exact_J3, known_K2, seen.size, camera, prior, front) for front in (1.0, -1.0)]
    problems = [
        FitProblem(
            seen,
            camera,
            PoseGaussian(mean_X=prior.mean_X, precision_XX=weight * prior.precision_XX),
            FitWeights(joint=settings.joint, shape=shape),
        )
        for weight, shape in zip(settings.pose_weights, settings.shape_weights, strict=True)
    ]
    found = []
    for pose in poses:
        pose, _ = minimized_root(problems[0], pose, settings.kernel_width, settings.camera_steps)
        for problem in problems:
            pose, cost = minimized_pose(problem, pose, [settings.kernel_width], settings.steps)
        found.append((pose, cost))
    best, _ = min(found, key=lambda pose_and_cost: pose_and_cost[1])
    return fitted_body(problems[-1], seen, best, settings.kernel_width)


def _joints_alone(joint_J3: F64, size: float) -> Correspondences:
    no_points = points_on_faces(np.zeros(0, np.int64), np.zeros((0, 3)))
    return Correspondences(
        skin=no_points, shape_C=None, pixel_N2=np.zeros((0, 2)), chart_N=np.zeros(0, np.int64), joint_J3=joint_J3,
        size=size, seen_B=np.zeros(len(load_body().bones)), confidence=float(joint_J3[joint_J3[:, 2] > 0, 2].mean()),
    )


def _upright(
    joint_J3: F64, known_K2: F64, size: float, camera: PinholeCamera, prior: PoseGaussian, front: float
) -> ReducedPose:
    """The mean pose, upright in front of the camera, at a distance from the length of the torso in the image.

    `front`: 1 faces the camera, −1 faces away.
    """
    lengths = []
    for side in ("left", "right"):
        shoulder, hip = (joint_J3[COCO_KEYPOINTS.index(f"{side}_{part}")] for part in ("shoulder", "hip"))
        if shoulder[2] > 0 and hip[2] > 0:
            lengths.append(float(np.hypot(*(shoulder - hip)[:2])))
    share = max(lengths) / TORSO_M if lengths and max(lengths) > 1 else size / HEIGHT_M
    depth = max(camera.focal_px / share, MIN_DISTANCE_M)
    middle_2 = (known_K2.mean(axis=0) - np.asarray(camera.center_2)) * depth / camera.focal_px
    resting = pose_at_origin(prior.mean_X)
    rotation_R33 = resting.rotation_R33.copy()
    rotation_R33[0] = np.diag([front, -1.0, -front])
    return replace(resting, rotation_R33=rotation_R33, root_3=np.array([*middle_2, depth]))
