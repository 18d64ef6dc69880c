"""Fits one person frame after frame: each fit begins where the last ones lead, and the shape is one for all frames."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from models.arrays import F64
from models.body.camera import PinholeCamera
from models.body.fitted_body import FittedBody
from models.body.reduced_pose import ReducedPose, reduced_pose
from models.body.rotation_vectors import rotation_exponential, rotation_logarithm
from models.fitting.correspondences import Correspondences, SurfaceOfPerson, correspondences
from models.fitting.least_squares import Normal, Problem, library_prior, minimized
from models.fitting.surface_fit import LEAST_SEEN, SurfaceFitSettings, fitted_body, fresh_pose


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackFitSettings:
    """How a person is followed.

    Attributes:
        fit: of a single frame, at the start and where a track is lost.
        steps: steps of a frame, at most.
        velocity: share of the last change of pose and place that is expected to go on.
        agility: standard deviation of a rotation around the expected one, radians an axis at 30 frames a second.
        shape_frames: frames over which the shape is averaged; later it stays.
        lost: a fit whose residual is this many times the usual one is tried from the start.
    """

    fit: SurfaceFitSettings = field(default_factory=SurfaceFitSettings)
    steps: int = 2
    velocity: float = 0.7
    agility: float = 0.4
    shape_frames: int = 10
    lost: float = 1.7


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedBody:
    """What is known of a person after a frame.

    Attributes:
        body: the fit of the last frame.
        before: the fit of the frame before; None in the first frame, and after a new start.
        second, second_before: their times.
        frames: number of fitted frames.
        usual: running mean of the residual.
    """

    body: FittedBody
    before: FittedBody | None
    second: float
    second_before: float
    frames: int
    usual: float


def followed_body(
    known: FollowedBody | None,
    surface: SurfaceOfPerson,
    camera: PinholeCamera,
    second: float,
    settings: TrackFitSettings | None = None,
    prior: Normal | None = None,
) -> FollowedBody | None:
    """The next frame of a person; None where too little is seen.

    Args:
        known: after the last frame in which the person was fitted; None: the person is new.
        surface, camera: of the frame.
        second: time of the frame, later than those before.
        settings: how the person is followed; None: the defaults.
        prior: of poses; None: that of captured motions.
    """
    settings, prior = settings or TrackFitSettings(), prior or library_prior()
    shape_C = _settled_shape(known, settings)
    seen = correspondences(surface, settings.fit.points, shape_C)
    if len(seen.chart_N) < LEAST_SEEN:
        return None
    problem = Problem(seen, camera, prior, settings.fit.weights)
    pose = None if known is None else _continued(known, problem, second, settings)
    again = pose is None or known is None or problem.mean_error(pose) > settings.lost * known.usual * seen.size
    if again:
        fresh = _fresh(problem, seen, surface, settings)
        again = fresh is not None and (pose is None or _cost(problem, fresh, settings) < _cost(problem, pose, settings))
        pose = fresh if again else pose
    if pose is None:
        return None
    body = fitted_body(problem, seen, pose, settings.fit.last_reach)
    if known is None:
        return FollowedBody(
            body=body, before=None, second=second, second_before=second, frames=1, usual=body.residual
        )
    if known.frames < settings.shape_frames:
        shape_C = (known.frames * known.body.pose.shape_C + body.pose.shape_C) / (known.frames + 1)
        body = replace(body, pose=replace(body.pose, shape_C=shape_C.astype(np.float32)))
    return FollowedBody(
        body=body, before=None if again else known.body, second=second, second_before=known.second,
        frames=known.frames + 1, usual=0.8 * known.usual + 0.2 * body.residual,
    )


def expected_pose(known: FollowedBody, second: float, velocity: float) -> ReducedPose:
    """The pose to which a share of the last change leads."""
    last = reduced_pose(known.body.pose)
    if known.before is None or known.second <= known.second_before:
        return last
    before = reduced_pose(known.before.pose)
    share = velocity * (second - known.second) / (known.second - known.second_before)
    turn_R33 = last.rotation_R33 @ before.rotation_R33.transpose(0, 2, 1)
    return ReducedPose(
        rotation_R33=rotation_exponential(share * rotation_logarithm(turn_R33)) @ last.rotation_R33,
        root_3=last.root_3 + share * (last.root_3 - before.root_3),
        shape_C=last.shape_C,
    )


def _continued(known: FollowedBody, problem: Problem, second: float, settings: TrackFitSettings) -> ReducedPose:
    """The fit that begins at the expected pose, and is drawn to it."""
    expected = expected_pose(known, second, settings.velocity)
    spread = settings.agility * np.sqrt(max(30 * (second - known.second), 0.25))
    drawn = drawn_to(problem.prior, rotation_logarithm(expected.rotation_R33[1:]).ravel(), spread)
    reaches = [2 * settings.fit.last_reach, settings.fit.last_reach]
    return minimized(problem.with_prior(drawn), expected, reaches, settings.steps)[0]


def _settled_shape(known: FollowedBody | None, settings: TrackFitSettings) -> F64 | None:
    """The person's shape after `shape_frames` frames; None before."""
    settled = known is not None and known.frames >= settings.shape_frames
    return known.body.pose.shape_C.astype(np.float64) if known is not None and settled else None


def _fresh(
    problem: Problem, seen: Correspondences, surface: SurfaceOfPerson, settings: TrackFitSettings
) -> ReducedPose | None:
    """The fit from nothing; of a person whose shape has settled, with this shape."""
    if seen.shape_C is None:
        return fresh_pose(problem, seen, surface, settings.fit)
    free = correspondences(surface, settings.fit.points)
    fresh = fresh_pose(Problem(free, problem.camera, problem.prior, problem.weights), free, surface, settings.fit)
    if fresh is None:
        return None
    return minimized(problem, replace(fresh, shape_C=seen.shape_C), [settings.fit.last_reach], settings.steps)[0]


def drawn_to(prior: Normal, vector_X: F64, spread: float) -> Normal:
    """A prior times a normal distribution around a pose, of one standard deviation for all rotation vectors."""
    own = 1 / spread**2
    precision_XX = prior.precision_XX + own * np.eye(len(vector_X))
    mean_X = np.linalg.solve(precision_XX, prior.precision_XX @ prior.mean_X + own * vector_X)
    return Normal(mean_X=np.asarray(mean_X, np.float64), precision_XX=precision_XX)


def _cost(problem: Problem, pose: ReducedPose, settings: TrackFitSettings) -> float:
    return problem.cost(pose, settings.fit.last_reach)
