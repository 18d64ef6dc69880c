"""Fits the open body to 2-D joints alone, as SMPLify does (Bogo et al., ECCV 2016): the baseline of dense fits.

The camera comes first: root and place by the joints, from an upright body that faces the camera and one turned away.
Then all unknowns, in four stages with priors that are believed less and less. The joints have a Geman–McClure kernel.
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
from models.fitting.least_squares import Normal, Problem, Weights, library_prior, minimized, placed
from models.fitting.starts import resting_pose
from models.fitting.surface_fit import fitted_body

HEIGHT_M = 1.7
TORSO_M = 0.5
"""From shoulder to hip."""
LEAST_JOINTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class JointFitSettings:
    """How joints are fitted.

    Attributes:
        pose_belief, shape_belief: weights of the priors in the stages: the published ones as multiples of the last.
        reach: of the robust kernel in standard deviations of a joint.
        camera_steps, steps: of the camera alone, and of every stage.
        joint: weight of a known joint against the priors of the last stage.
    """

    pose_belief: tuple[float, ...] = (84.0, 84.0, 12.0, 1.0)
    shape_belief: tuple[float, ...] = (20.0, 10.0, 2.0, 1.0)
    reach: float = 5.0
    camera_steps: int = 10
    steps: int = 10
    joint: float = 1.0


def fit_joints(
    joint_J3: Float,
    camera: PinholeCamera,
    settings: JointFitSettings | None = None,
    prior: Normal | None = None,
) -> FittedBody | None:
    """The open body under a person's joints; None where fewer than `LEAST_JOINTS` are known.

    Args:
        joint_J3: the first keypoints of `KEYPOINT_NAMES` (17 or more): x, y in pixels of the frame, score; score 0:
            unknown.
        camera: of the frame.
        settings: how they are fitted; None: the defaults.
        prior: of poses; None: that of captured motions.
    """
    settings, prior = settings or JointFitSettings(), prior or library_prior()
    told_J3: F64 = np.asarray(joint_J3, np.float64)
    known_K2 = told_J3[told_J3[:, 2] > 0, :2]
    if len(known_K2) < LEAST_JOINTS:
        return None
    seen = _joints_alone(told_J3, float(np.ptp(known_K2, axis=0).max()) + 1)
    poses = [_upright(told_J3, known_K2, seen.size, camera, prior, turn) for turn in (1.0, -1.0)]
    problems = [
        Problem(
            seen,
            camera,
            Normal(mean_X=prior.mean_X, precision_XX=belief * prior.precision_XX),
            Weights(joint=settings.joint, shape=shape),
        )
        for belief, shape in zip(settings.pose_belief, settings.shape_belief, strict=True)
    ]
    reach = [settings.reach]
    found = []
    for pose in poses:
        pose, _ = placed(problems[0], pose, settings.reach, settings.camera_steps)
        for problem in problems:
            pose, cost = minimized(problem, pose, reach, settings.steps)
        found.append((pose, cost))
    best, _ = min(found, key=lambda one: one[1])
    return fitted_body(problems[-1], seen, best, settings.reach)


def _joints_alone(joint_J3: F64, size: float) -> Correspondences:
    no_points = points_on_faces(np.zeros(0, np.int64), np.zeros((0, 3)))
    return Correspondences(
        skin=no_points, shape_C=None, pixel_N2=np.zeros((0, 2)), chart_N=np.zeros(0, np.int64), joint_J3=joint_J3,
        size=size, seen_B=np.zeros(len(load_body().bones)), confidence=float(joint_J3[joint_J3[:, 2] > 0, 2].mean()),
    )


def _upright(
    joint_J3: F64, known_K2: F64, size: float, camera: PinholeCamera, prior: Normal, turn: float
) -> ReducedPose:
    """The mean pose upright before the camera, at the distance that the length of the torso tells."""
    lengths = []
    for side in ("left", "right"):
        shoulder, hip = (joint_J3[COCO_KEYPOINTS.index(f"{side}_{part}")] for part in ("shoulder", "hip"))
        if shoulder[2] > 0 and hip[2] > 0:
            lengths.append(float(np.hypot(*(shoulder - hip)[:2])))
    share = max(lengths) / TORSO_M if lengths and max(lengths) > 1 else size / HEIGHT_M
    depth = max(camera.focal_px / share, 0.5)
    middle_2 = (known_K2.mean(axis=0) - np.asarray(camera.center_2)) * depth / camera.focal_px
    resting = resting_pose(prior.mean_X)
    rotation_R33 = resting.rotation_R33.copy()
    rotation_R33[0] = np.diag([turn, -1.0, -turn])
    return replace(resting, rotation_R33=rotation_R33, root_3=np.array([*middle_2, depth]))
