"""Fits one person frame after frame: each fit begins at a predicted pose, and all frames share one body shape."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from models.arrays import F64
from models.body.camera import PinholeCamera
from models.body.fitted_body import FittedBody
from models.body.reduced_pose import ReducedPose, reduced_pose, whole_pose
from models.body.rotation_vectors import rotation_exponential, rotation_logarithm
from models.body.seen_parts import LEAST_WEIGHT, whole_body_seen
from models.fitting.correspondences import Correspondences, SurfaceOfPerson, correspondences
from models.fitting.least_squares import FitProblem, PoseGaussian, library_prior, minimized_pose
from models.fitting.mesh_fit import limb_error
from models.fitting.surface_fit import MIN_SURFACE_POINTS, SurfaceFitSettings, fitted_body, pose_from_scratch
from models.lift.lift_weights import built_in_lift
from models.lift.lifted_mesh import lifted_mesh
from models.time_steps import FRAME_S, remaining

LONGEST_STEP_S = 0.2
"""Seconds. A longer step between two fits counts as this long for the shape: the person was hidden part of the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackFitSettings:
    """How a person is tracked.

    Attributes:
        fit: settings of a fit from scratch, for a new person and for a lost track.
        steps: maximum number of optimiser steps in each frame.
        velocity: share of the velocity of pose and position that remains after 1/30 s, 0..1.
        rotation_spread: standard deviation of a rotation around the predicted one, radians per axis after 1/30 s.
        shape_seconds: the shape is averaged over frames in which the whole person was visible for at least this time.
            After them it is constant.
        partial_seconds: while only a part of the person is visible, it is constant after this time.
        residual_memory: weight that the mean residual keeps after 1/30 s, 0..1.
        restart_ratio: a fit whose residual exceeds the mean residual by this factor is compared with one from scratch.
        check_seconds: the limbs are compared with those of the lift once in this time.
        limb_error_m: a limb that is farther from the lift's is compared with that of a fit from scratch, metres.
        restart_share: such a fit is taken if its cost is at most this share.
    """

    fit: SurfaceFitSettings = field(default_factory=SurfaceFitSettings)
    steps: int = 2
    velocity: float = 0.7
    rotation_spread: float = 0.4
    shape_seconds: float = 0.29
    partial_seconds: float = 3.0
    residual_memory: float = 0.8
    restart_ratio: float = 1.7
    check_seconds: float = 0.2
    limb_error_m: float = 0.3
    restart_share: float = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedBody:
    """What is known of a person after a frame.

    Attributes:
        body: the fit of the last frame.
        previous: the fit of the frame before; None in the first frame, and after a restart from scratch.
        second, previous_second: times of these two frames, seconds.
        frames: number of fitted frames.
        observed: time over which the person was visible, seconds.
        observed_whole: the same, where less counts of frames that show less of the body.
        shape_weight: sum of the weights of the frames in the shape.
        mean_residual: exponential mean of the residuals of all frames.
    """

    body: FittedBody
    previous: FittedBody | None
    second: float
    previous_second: float
    frames: int
    observed: float
    observed_whole: float
    shape_weight: float
    mean_residual: float


def tracked_body(
    known: TrackedBody | None,
    surface: SurfaceOfPerson,
    camera: PinholeCamera,
    second: float,
    settings: TrackFitSettings | None = None,
    prior: PoseGaussian | None = None,
) -> TrackedBody | None:
    """The fit of the next frame of a person; None where too few points of the person are visible.

    Args:
        known: the result of the last frame in which the person was fitted; None for a new person.
        surface: the person's predicted surface in this frame.
        camera: the camera of this frame.
        second: time of this frame in seconds. It is later than the times of the frames before.
        settings: how the person is tracked; None uses the defaults.
        prior: the prior of poses; None uses `library_prior()`.
    """
    settings, prior = settings or TrackFitSettings(), prior or library_prior()
    shape_C = _settled_shape(known, settings)
    seen = correspondences(surface, settings.fit.points, shape_C)
    if len(seen.chart_N) < MIN_SURFACE_POINTS:
        return None
    problem = FitProblem(seen, camera, prior, settings.fit.weights)
    pose = None if known is None else _continued(known, problem, second, settings)
    share = _share_to_beat(known, problem, pose, surface, second, settings)
    fresh = _fresh(problem, seen, surface, settings) if share else None
    restarted = fresh is not None and (
        pose is None or _cost(problem, fresh, settings) < share * _cost(problem, pose, settings)
    )
    pose = fresh if restarted else pose
    if pose is None:
        return None
    body = fitted_body(problem, seen, pose, settings.fit.last_width)
    whole = float(whole_body_seen(body.seen_B[None])[0])
    weight = LEAST_WEIGHT + whole
    if known is None:
        return TrackedBody(
            body=body, previous=None, second=second, previous_second=second, frames=1, observed=0.0,
            observed_whole=0.0, shape_weight=weight, mean_residual=body.residual,
        )
    shape_weight = known.shape_weight
    if shape_C is None:
        shape_weight += weight
        mean_C = (known.shape_weight * known.body.pose.shape_C + weight * body.pose.shape_C) / shape_weight
        body = replace(body, pose=replace(body.pose, shape_C=mean_C.astype(np.float32)))
    step = min(second - known.second, LONGEST_STEP_S)
    kept = remaining(settings.residual_memory, second - known.second)
    return TrackedBody(
        body=body, previous=None if restarted else known.body, second=second, previous_second=known.second,
        frames=known.frames + 1, observed=known.observed + step, observed_whole=known.observed_whole + whole * step,
        shape_weight=shape_weight,
        mean_residual=kept * known.mean_residual + (1 - kept) * body.residual,
    )


def expected_pose(known: TrackedBody, second: float, velocity: float) -> ReducedPose:
    """The predicted pose at a time: the last pose moves on with a part of its velocity.

    Args:
        known: the last two fits.
        second: the time of the prediction.
        velocity: share of the velocity that remains after 1/30 s.
    """
    last = reduced_pose(known.body.pose)
    if known.previous is None or known.second <= known.previous_second:
        return last
    before = reduced_pose(known.previous.pose)
    step = second - known.second
    share = remaining(velocity, step) * step / (known.second - known.previous_second)
    turn_R33 = last.rotation_R33 @ before.rotation_R33.transpose(0, 2, 1)
    return ReducedPose(
        rotation_R33=rotation_exponential(share * rotation_logarithm(turn_R33)) @ last.rotation_R33,
        root_3=last.root_3 + share * (last.root_3 - before.root_3),
        shape_C=last.shape_C,
    )


def moved_on(known: TrackedBody, second: float, settings: TrackFitSettings | None = None) -> FittedBody:
    """The body at a time soon after the last fit, without another one: it moves on as predicted."""
    expected = expected_pose(known, second, (settings or TrackFitSettings()).velocity)
    return replace(known.body, pose=whole_pose(expected))


def _continued(known: TrackedBody, problem: FitProblem, second: float, settings: TrackFitSettings) -> ReducedPose:
    """The fit that starts at the predicted pose. Its prior is narrower: it also prefers poses near the prediction."""
    expected = expected_pose(known, second, settings.velocity)
    spread = settings.rotation_spread * np.sqrt(max((second - known.second) / FRAME_S, 0.25))
    drawn = prior_near(problem.prior, rotation_logarithm(expected.rotation_R33[1:]).ravel(), spread)
    kernel_widths = [2 * settings.fit.last_width, settings.fit.last_width]
    return minimized_pose(problem.with_prior(drawn), expected, kernel_widths, settings.steps)[0]


def _settled_shape(known: TrackedBody | None, settings: TrackFitSettings) -> F64 | None:
    """The person's shape if it is constant; None before."""
    if known is None:
        return None
    settled = known.observed_whole >= settings.shape_seconds
    settled |= known.observed >= settings.partial_seconds and whole_body_seen(known.body.seen_B[None])[0] < 0.5
    return known.body.pose.shape_C.astype(np.float64) if settled else None


def _fresh(
    problem: FitProblem, seen: Correspondences, surface: SurfaceOfPerson, settings: TrackFitSettings
) -> ReducedPose | None:
    """The fit from scratch. A person whose shape is constant by now keeps this shape."""
    if seen.shape_C is None:
        return pose_from_scratch(problem, seen, surface, settings.fit)
    free = correspondences(surface, settings.fit.points)
    free_problem = FitProblem(free, problem.camera, problem.prior, problem.weights)
    fresh = pose_from_scratch(free_problem, free, surface, settings.fit)
    if fresh is None:
        return None
    return minimized_pose(problem, replace(fresh, shape_C=seen.shape_C), [settings.fit.last_width], settings.steps)[0]


def prior_near(prior: PoseGaussian, vector_X: F64, spread: float) -> PoseGaussian:
    """The product of a prior and a normal distribution around a pose.

    Args:
        prior: of poses.
        vector_X: rotation vectors of the pose, radians.
        spread: standard deviation of each of these numbers, radians.
    """
    precision = 1 / spread**2
    precision_XX = prior.precision_XX + precision * np.eye(len(vector_X))
    mean_X = np.linalg.solve(precision_XX, prior.precision_XX @ prior.mean_X + precision * vector_X)
    return PoseGaussian(mean_X=np.asarray(mean_X, np.float64), precision_XX=precision_XX)


def _share_to_beat(
    known: TrackedBody | None, problem: FitProblem, pose: ReducedPose | None, surface: SurfaceOfPerson, second: float,
    settings: TrackFitSettings,
) -> float:
    """The share of the continued fit's cost below which a fit from scratch replaces it; 0: it is not tried."""
    if known is None or pose is None or _is_lost(problem, pose, settings.restart_ratio * known.mean_residual):
        return 1.0
    return settings.restart_share if _limbs_disagree(known, problem, pose, surface, second, settings) else 0.0


def _limbs_disagree(
    known: TrackedBody, problem: FitProblem, pose: ReducedPose, surface: SurfaceOfPerson, second: float,
    settings: TrackFitSettings,
) -> bool:
    """Whether a limb is far from where the lift places it. It is asked once in `check_seconds`.

    A limb that points away from the camera has almost the same projection as one that points towards it, so a fit may
    continue in the wrong one of the two while its residual grows slowly.
    """
    periods = (int(at / settings.check_seconds + 1e-6) for at in (known.second, second))
    if not settings.fit.lifted or len(set(periods)) == 1:
        return False
    mesh_L3 = lifted_mesh(surface, problem.camera, built_in_lift())
    return mesh_L3 is not None and limb_error(mesh_L3, pose) > settings.limb_error_m


def _is_lost(problem: FitProblem, pose: ReducedPose, limit: float) -> bool:
    """Whether the mean error of a pose, relative to the person's size, exceeds a limit."""
    return problem.mean_error(pose) > limit * problem.size


def _cost(problem: FitProblem, pose: ReducedPose, settings: TrackFitSettings) -> float:
    return problem.cost(pose, settings.fit.last_width)
