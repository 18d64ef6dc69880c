"""Fits pose, shape and place of the open body to the surface of one person in one picture."""

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
from models.fitting.least_squares import Normal, Problem, Weights, library_prior, minimized, placed
from models.fitting.lifted_start import lifted_start
from models.fitting.starts import first_poses, flipped_limbs
from models.lift.lift_weights import built_in_lift

LIFTED_REACHES = 6
"""Steps in which the robust kernel narrows from the pose of the lift."""
HIPS = [KEYPOINT_NAMES.index(name) for name in ("left_hip", "right_hip")]
LEAST_SEEN = 12
"""Fewer points of the surface give no fit."""
NEAR_M = 0.10
"""A joint's confidence is the probability that it is this near to its place relative to the hips, metres."""
DOUBT, UNTOLD_M = 1.3, 0.037
"""Factor on the variance that the curvature of the cost gives, and the standard deviation that it knows nothing of.

Both are fitted to people of the worlds, whose true joints are known.
"""
PERSON_BIAS, PERSON_CONFIDENCE = -3.0, 7.3
"""Logit of the probability of a person, by the mean confidence of the surface.

They are fitted to the light network on photos of annotated people by `tests/benchmarks/quality/real_people.py`.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceFitSettings:
    """How a surface is fitted.

    Attributes:
        points: number of points of the surface.
        weights: how much points, joints and shape are believed.
        first_reach, last_reach: of the robust kernel in standard deviations, at the start and at the end.
        start_steps: steps of root and place, and then of all unknowns, from each start.
        steps: at most, from the best start.
        lifted: begin where the lift puts the body, instead of at the starts that the points tell.
        flip_steps: steps after a limb is flipped in depth; 0: limbs are not flipped.
    """

    points: int = 200
    weights: Weights = field(default_factory=Weights)
    first_reach: float = 12.0
    last_reach: float = 2.5
    start_steps: int = 4
    steps: int = 14
    lifted: bool = True
    flip_steps: int = 0


EXACT = SurfaceFitSettings(weights=Weights(spread=0.012, total=120.0), lifted=False, flip_steps=3)
"""For surfaces without error."""


def fit_surface(
    surface: SurfaceOfPerson,
    camera: PinholeCamera,
    settings: SurfaceFitSettings | None = None,
    prior: Normal | None = None,
) -> FittedBody | None:
    """The open body under a person's surface; None where too little of the person is seen.

    Args:
        surface: charts, U and V on a grid of the frame's pixels.
        camera: of the frame.
        settings: how it is fitted; None: the defaults; `EXACT` for surfaces without error.
        prior: of poses; None: that of captured motions.
    """
    settings, prior = settings or SurfaceFitSettings(), prior or library_prior()
    seen = correspondences(surface, settings.points)
    if len(seen.chart_N) < LEAST_SEEN:
        return None
    problem = Problem(seen, camera, prior, settings.weights)
    fresh = fresh_pose(problem, seen, surface, settings)
    return None if fresh is None else fitted_body(problem, seen, fresh, settings.last_reach)


def fresh_pose(
    problem: Problem, seen: Correspondences, surface: SurfaceOfPerson, settings: SurfaceFitSettings
) -> ReducedPose | None:
    """The pose that is found from where the lift puts the body, or else from what the points themselves tell.

    None where they tell nothing.
    """
    start = lifted_start(surface, problem.camera, problem.prior, built_in_lift()) if settings.lifted else None
    if start is not None:
        reaches = np.geomspace(settings.first_reach, settings.last_reach, LIFTED_REACHES).tolist()
        return minimized(problem, start, reaches, settings.steps)[0]
    poses = first_poses(seen, problem.camera, problem.prior.mean_X)
    return searched(problem, poses, settings) if poses else None


def searched(problem: Problem, poses: list[ReducedPose], settings: SurfaceFitSettings) -> ReducedPose:
    """The pose of lowest cost that is found from several starts."""
    wide = [settings.first_reach]
    rough = [placed(problem, pose, settings.first_reach, settings.start_steps)[0] for pose in poses]
    tried = [minimized(problem, pose, wide, settings.start_steps) for pose in rough]
    best, _ = min(tried, key=lambda found: found[1])
    narrowing = np.geomspace(settings.first_reach, settings.last_reach, 8).tolist()
    best, cost = minimized(problem, best, narrowing, settings.steps)
    if settings.flip_steps:
        reach = [2 * settings.last_reach, settings.last_reach]
        flipped = [minimized(problem, other, reach, settings.flip_steps) for other in flipped_limbs(best)]
        best, cost = min([(best, cost), *flipped], key=lambda found: found[1])
    return best


def fitted_body(problem: Problem, seen: Correspondences, pose: ReducedPose, reach: float) -> FittedBody:
    """A pose as a result, with what is known of its errors."""
    return FittedBody(
        pose=whole_pose(pose),
        camera=problem.camera,
        confidence_J=joint_confidence(problem, pose, reach),
        seen_B=seen.seen_B.astype(np.float32),
        residual=problem.mean_error(pose) / seen.size,
        is_person=person_probability(seen.confidence),
    )


def person_probability(confidence: float) -> float:
    """How probable it is that a surface of some mean confidence is that of a person."""
    return float(expit(PERSON_BIAS + PERSON_CONFIDENCE * confidence))


def joint_confidence(problem: Problem, pose: ReducedPose, reach: float) -> F32:
    """How probable it is that each keypoint (J,) is within `NEAR_M` of its place relative to the hips."""
    spread_J = problem.keypoint_spread(pose, reach, HIPS)
    return np.asarray(gammainc(1.5, NEAR_M**2 / (2 * (DOUBT * spread_J + UNTOLD_M**2))), np.float32)
