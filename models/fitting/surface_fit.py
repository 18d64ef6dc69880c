"""Fits pose, shape and position of the open body to the surface of one person in one image."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.special import expit, gammainc

from models.arrays import F32
from models.body.camera import PinholeCamera
from models.body.fitted_body import FittedBody
from models.body.open_body import KEYPOINT_NAMES
from models.body.reduced_pose import ReducedPose, whole_pose
from models.fitting.correspondences import Correspondences, SurfaceOfPerson, correspondences
from models.fitting.initial_poses import flipped_limbs, pnp_poses
from models.fitting.least_squares import (
    FitProblem,
    FitWeights,
    PoseGaussian,
    library_prior,
    minimized_pose,
    minimized_root,
)
from models.fitting.lifted_start import lifted_start
from models.lift.lift_weights import built_in_lift

LIFTED_WIDTHS = 6
"""Number of steps in which the robust kernel becomes narrower, where the fit starts at the pose of the lift."""
SEARCH_WIDTHS = 8
"""The same where the fit starts at poses from PnP."""
HIPS = [KEYPOINT_NAMES.index(name) for name in ("left_hip", "right_hip")]
MIN_SURFACE_POINTS = 12
"""A surface with fewer points gives no fit."""
JOINT_TOLERANCE_M = 0.10
"""Metres. A joint's confidence is the probability that its error, relative to the hips, is smaller than this."""
VARIANCE_FACTOR, EXTRA_SPREAD_M = 1.3, 0.037
"""The variance of a joint is this factor times the variance from the curvature of the cost, plus the square of this
standard deviation in metres. Both numbers are fitted to synthetic people, whose true joints are known."""
PERSON_BIAS, PERSON_CONFIDENCE = -3.0, 7.3
"""The logit of the probability of a person is the first plus the second times the mean confidence of the surface.

Both are fitted to the light network on annotated photos by `tests/benchmarks/quality/real_people.py`.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceFitSettings:
    """How a surface is fitted.

    Attributes:
        points: number of points that are drawn from the surface.
        weights: weights of points, joints and shape in the cost.
        first_width, last_width: width of the robust kernel in standard deviations, in the first and the last step.
        start_steps: number of steps from each start, first of the root's rotation and position, then of all parameters.
        steps: maximum number of steps from the best start.
        lifted: True starts at the pose of the lift, False at poses from PnP.
        flip_steps: number of steps after a limb is mirrored in depth; 0 mirrors no limb.
    """

    points: int = 200
    weights: FitWeights = field(default_factory=FitWeights)
    first_width: float = 12.0
    last_width: float = 2.5
    start_steps: int = 4
    steps: int = 14
    lifted: bool = True
    flip_steps: int = 0


EXACT = SurfaceFitSettings(weights=FitWeights(spread=0.012, total=120.0), lifted=False, flip_steps=3)
"""Settings for exact surfaces, such as rendered ones."""


def fit_surface(
    surface: SurfaceOfPerson,
    camera: PinholeCamera,
    settings: SurfaceFitSettings | None = None,
    prior: PoseGaussian | None = None,
) -> FittedBody | None:
    """The open body that fits a person's surface; None where too few points of the person are visible.

    Args:
        surface: charts, U and V on a grid of the frame's pixels.
        camera: the camera of the frame.
        settings: how the body is fitted; None uses the defaults; `EXACT` is for exact surfaces.
        prior: the prior of poses; None uses `library_prior()`.
    """
    settings, prior = settings or SurfaceFitSettings(), prior or library_prior()
    seen = correspondences(surface, settings.points)
    if len(seen.chart_N) < MIN_SURFACE_POINTS:
        return None
    problem = FitProblem(seen, camera, prior, settings.weights)
    fresh = pose_from_scratch(problem, seen, surface, settings)
    return None if fresh is None else fitted_body(problem, seen, fresh, settings.last_width)


def pose_from_scratch(
    problem: FitProblem, seen: Correspondences, surface: SurfaceOfPerson, settings: SurfaceFitSettings
) -> ReducedPose | None:
    """The fitted pose that starts at the pose of the lift or, without the lift, at the poses from PnP.

    None where neither of them gives a start.
    """
    start = lifted_start(surface, problem.camera, problem.prior, built_in_lift()) if settings.lifted else None
    if start is not None:
        kernel_widths = np.geomspace(settings.first_width, settings.last_width, LIFTED_WIDTHS).tolist()
        return minimized_pose(problem, start, kernel_widths, settings.steps)[0]
    poses = pnp_poses(seen, problem.camera, problem.prior.mean_X)
    return best_of_starts(problem, poses, settings) if poses else None


def best_of_starts(problem: FitProblem, poses: list[ReducedPose], settings: SurfaceFitSettings) -> ReducedPose:
    """The pose of lowest cost among the fits from several starts."""
    wide = [settings.first_width]
    rough = [minimized_root(problem, pose, settings.first_width, settings.start_steps)[0] for pose in poses]
    tried = [minimized_pose(problem, pose, wide, settings.start_steps) for pose in rough]
    best, _ = min(tried, key=lambda found: found[1])
    narrowing = np.geomspace(settings.first_width, settings.last_width, SEARCH_WIDTHS).tolist()
    best, cost = minimized_pose(problem, best, narrowing, settings.steps)
    if settings.flip_steps:
        widths = [2 * settings.last_width, settings.last_width]
        flipped = [minimized_pose(problem, other, widths, settings.flip_steps) for other in flipped_limbs(best)]
        best, cost = min([(best, cost), *flipped], key=lambda found: found[1])
    return best


def fitted_body(problem: FitProblem, seen: Correspondences, pose: ReducedPose, kernel_width: float) -> FittedBody:
    """The result of a fit: the pose, and estimates of its errors."""
    return FittedBody(
        pose=whole_pose(pose),
        camera=problem.camera,
        confidence_J=joint_confidence(problem, pose, kernel_width),
        seen_B=seen.seen_B.astype(np.float32),
        residual=problem.mean_error(pose) / seen.size,
        is_person=person_probability(seen.confidence),
    )


def person_probability(confidence: float) -> float:
    """The probability, 0..1, that a surface with this mean confidence shows a person."""
    return float(expit(PERSON_BIAS + PERSON_CONFIDENCE * confidence))


def joint_confidence(problem: FitProblem, pose: ReducedPose, kernel_width: float) -> F32:
    """For each keypoint (J,) the probability that its error, relative to the hips, is below `JOINT_TOLERANCE_M`."""
    spread_J = problem.keypoint_spread(pose, kernel_width, HIPS)
    variance_J = VARIANCE_FACTOR * spread_J + EXTRA_SPREAD_M**2
    # The error in three dimensions is normal, so its square over the variance has a chi-squared distribution.
    return np.asarray(gammainc(1.5, JOINT_TOLERANCE_M**2 / (2 * variance_J)), np.float32)
