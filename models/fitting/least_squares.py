"""The cost of a pose under what is seen, and its minimum by Levenberg–Marquardt.

Cost = ½ [Σ weight · Geman–McClure(error / σ) + (pose − mean)ᵀ precision (pose − mean) + weight · |shape|²]. The pose
stands there as rotation vectors of all rotations but the root's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cache

import numpy as np

from models.arrays import F64, Index
from models.body.camera import NEAR, PinholeCamera
from models.body.pose_jacobian import (
    PointDerivatives,
    posed_points,
    posed_with_derivatives,
    posed_with_rigid_derivatives,
)
from models.body.pose_prior import load_pose_prior
from models.body.reduced_pose import PLACE, TURNS, ReducedPose
from models.body.rotation_vectors import inverse_left_jacobian, rotation_logarithm
from models.body.skinned_points import SkinnedPoints, keypoint_points
from models.fitting.correspondences import Correspondences

POSE = slice(3, TURNS)
SHAPE = slice(PLACE.stop, None)
ROOT_AND_PLACE: Index = np.r_[0:3, PLACE]
LEAST_DEPTH = 0.2
LEAST_SCORE = 0.05
"""Joints of a lower score are as uncertain as this one."""
FIRST_DAMPING, MORE_DAMPING, LESS_DAMPING, LEAST_DAMPING = 1e-2, 6.0, 0.2, 1e-5
TRIES = 4
"""Steps with growing damping before a search ends."""
CONVERGED = 1e-3
"""A search ends when a step lowers the cost by a smaller share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Normal:
    """A normal distribution of the pose's rotation vectors: mean (54,) and precision (54, 54)."""

    mean_X: F64
    precision_XX: F64


@cache
def library_prior() -> Normal:
    """The prior of captured motions."""
    prior = load_pose_prior()
    return Normal(mean_X=prior.mean_X, precision_XX=prior.whitening_XX.T @ prior.whitening_XX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """How much is believed.

    Attributes:
        spread: standard deviation of a point of the surface, as a share of the person's size; at least a pixel.
        total: all points together weigh as many independent points.
        joint_spread: standard deviation of a joint of score 1, as a share of the person's size; at least a pixel. That
            of score s is 1 / s² times as large.
        joint: weight of a known joint.
        shape: weight of the squared shape scores.
    """

    spread: float = 0.02
    total: float = 60.0
    joint_spread: float = 0.012
    joint: float = 1.0
    shape: float = 1.0


class Problem:
    """One person's cost as a function of the pose."""

    def __init__(self, seen: Correspondences, camera: PinholeCamera, prior: Normal, weights: Weights) -> None:
        points, joints = len(seen.chart_N), len(seen.joint_J3)
        self._points, self._shown = points, points + joints
        self.camera, self.prior, self.weights = camera, prior, weights
        self._skin = _joined(seen.skin, keypoint_points())
        self._pixel_M2 = np.concatenate([seen.pixel_N2, seen.joint_J3[:, :2]])
        score_J = seen.joint_J3[:, 2]
        spread_J = weights.joint_spread / np.maximum(score_J, LEAST_SCORE) ** 2
        spread_M = np.concatenate([np.full(points, weights.spread), spread_J])
        self._sigma_M = np.maximum(spread_M * seen.size, 1.0)
        each = np.full(points, weights.total / max(points, 1))
        self._weight_M = np.concatenate([each, weights.joint * (score_J > 0)])

    def with_prior(self, prior: Normal) -> Problem:
        """The same person's cost under another prior of poses."""
        other = copy(self)
        other.prior = prior
        return other

    def cost(self, pose: ReducedPose, reach: float) -> float:
        """The cost; errors count fully up to about `reach` standard deviations."""
        error_M2 = self._errors(posed_points(self._skin, pose)[: self._shown])
        return self._robust(error_M2, reach)[0] + self._prior_cost(pose)

    def normal_equations(self, pose: ReducedPose, reach: float) -> tuple[float, F64, F64]:
        """The cost, its Gauss–Newton Hessian (X, X) and its gradient (X,) by the parameters of `ReducedPose.moved`."""
        cost, hessian_XX, gradient_X = self._equations(posed_with_derivatives(self._skin, pose), reach)
        self._add_priors(pose, hessian_XX, gradient_X)
        return cost + self._prior_cost(pose), hessian_XX, gradient_X

    def rigid_equations(self, pose: ReducedPose, reach: float) -> tuple[float, F64, F64]:
        """The same by the root's turn and place alone, which have no prior: (6, 6) and (6,)."""
        cost, hessian_66, gradient_6 = self._equations(posed_with_rigid_derivatives(self._skin, pose), reach)
        return cost + self._prior_cost(pose), hessian_66, gradient_6

    def keypoint_spread(self, pose: ReducedPose, reach: float, origin: Sequence[int]) -> F64:
        """Mean variance over the axes of the keypoints' places (J,) relative to the mean of some keypoints, m².

        The errors are taken as normal, with the covariance that the curvature of the cost gives (Laplace's method).
        """
        posed = posed_with_derivatives(self._skin, pose)
        _, hessian_XX, gradient_X = self._equations(posed, reach)
        self._add_priors(pose, hessian_XX, gradient_X)
        slope_J3X = posed.jacobian_N3P[self._points :]
        slope_LX = (slope_J3X - slope_J3X[list(origin)].mean(axis=0)).reshape(-1, len(hessian_XX))
        variance_L = (slope_LX.T * np.linalg.solve(hessian_XX, slope_LX.T)).sum(axis=0)
        return np.asarray(variance_L.reshape(-1, 3).mean(axis=1), np.float64)

    def _equations(self, posed: PointDerivatives, reach: float) -> tuple[float, F64, F64]:
        """Cost, Hessian and gradient of what is seen, without the priors."""
        point_M3, jacobian_M3X = posed.point_N3[: self._shown], posed.jacobian_N3P[: self._shown]
        error_M2 = self._errors(point_M3)
        cost, weight_M = self._robust(error_M2, reach)
        depth_M = np.maximum(point_M3[:, 2], NEAR)
        scale_M = np.sqrt(weight_M) * self.camera.focal_px / depth_M / self._sigma_M
        ray_M2 = point_M3[:, :2] / depth_M[:, None]
        slope_M2X = jacobian_M3X[:, :2] - ray_M2[:, :, None] * jacobian_M3X[:, 2:]
        slope_M2X *= scale_M[:, None, None]
        slope_LX = slope_M2X.reshape(-1, slope_M2X.shape[2])
        hessian_XX = slope_LX.T @ slope_LX
        gradient_X = (error_M2 * np.sqrt(weight_M)[:, None]).reshape(-1) @ slope_LX
        return cost, hessian_XX, np.asarray(gradient_X, np.float64)

    def mean_error(self, pose: ReducedPose) -> float:
        """Mean distance of the points and the known joints from where the picture shows them, pixels.

        The weights are those of the fit over the variances: uncertain joints hardly count.
        """
        error_M2 = self._errors(posed_points(self._skin, pose)[: self._shown]) * self._sigma_M[:, None]
        return float(np.average(np.hypot(*error_M2.T), weights=self._weight_M / self._sigma_M**2))

    def _errors(self, point_M3: F64) -> F64:
        """Errors in the picture in standard deviations (M, 2)."""
        seen_M2 = point_M3[:, :2] / np.maximum(point_M3[:, 2:], NEAR) * self.camera.focal_px + self.camera.center_2
        return np.asarray((seen_M2 - self._pixel_M2) / self._sigma_M[:, None], np.float64)

    def _robust(self, error_M2: F64, reach: float) -> tuple[float, F64]:
        """The cost of the errors and their weights in the normal equations (Geman and McClure, 1987)."""
        square_M = np.square(error_M2).sum(axis=1)
        share_M = 1 / (1 + square_M / reach**2)
        return 0.5 * float((self._weight_M * square_M * share_M).sum()), self._weight_M * share_M**2

    def _add_priors(self, pose: ReducedPose, hessian_XX: F64, gradient_X: F64) -> None:
        """Add the priors to the normal equations, in place."""
        vector_R3 = rotation_logarithm(pose.rotation_R33[1:])
        slope_XX = np.zeros((vector_R3.size, vector_R3.size))
        for r, inverse_33 in enumerate(inverse_left_jacobian(vector_R3)):
            slope_XX[3 * r : 3 * r + 3, 3 * r : 3 * r + 3] = inverse_33
        pulled_XX = slope_XX.T @ self.prior.precision_XX
        hessian_XX[POSE, POSE] += pulled_XX @ slope_XX
        gradient_X[POSE] += pulled_XX @ (vector_R3.ravel() - self.prior.mean_X)
        hessian_XX[SHAPE, SHAPE] += self.weights.shape * np.eye(len(pose.shape_C))
        gradient_X[SHAPE] += self.weights.shape * pose.shape_C

    def _prior_cost(self, pose: ReducedPose) -> float:
        away_X = rotation_logarithm(pose.rotation_R33[1:]).ravel() - self.prior.mean_X
        shape = self.weights.shape * float(pose.shape_C @ pose.shape_C)
        return 0.5 * (float(away_X @ self.prior.precision_XX @ away_X) + shape)


def _joined(skin: SkinnedPoints, keypoints: SkinnedPoints) -> SkinnedPoints:
    """Points of the skin, then the keypoints."""
    return SkinnedPoints(
        weight_ND=np.concatenate([skin.weight_ND, keypoints.weight_ND]),
        mean_ND3=np.concatenate([skin.mean_ND3, keypoints.mean_ND3]),
        component_CND3=np.concatenate([skin.component_CND3, keypoints.component_CND3], axis=1),
    )


def minimized(
    problem: Problem, pose: ReducedPose, reaches: Sequence[float], steps: int, only: Index | None = None
) -> tuple[ReducedPose, float]:
    """The pose after at most `steps` steps, and its cost under the last reach.

    Args:
        problem: the person's.
        pose: where the search begins.
        reaches: of the robust kernel at each step; the last one stays.
        steps: at least 1.
        only: parameters that may change; None: all.
    """
    free = np.arange(SHAPE.start + len(pose.shape_C)) if only is None else only

    def equations(pose: ReducedPose, reach: float) -> tuple[float, F64, F64]:
        cost, hessian_XX, gradient_X = problem.normal_equations(pose, reach)
        return cost, hessian_XX[np.ix_(free, free)], gradient_X[free]

    return _search(problem, pose, reaches, steps, free, equations)


def placed(problem: Problem, pose: ReducedPose, reach: float, steps: int) -> tuple[ReducedPose, float]:
    """The pose after at most `steps` steps of the root's turn and place alone, and its cost."""
    return _search(problem, pose, [reach], steps, ROOT_AND_PLACE, problem.rigid_equations)


def _search(
    problem: Problem, pose: ReducedPose, reaches: Sequence[float], steps: int, free: Index,
    equations: Callable[[ReducedPose, float], tuple[float, F64, F64]],
) -> tuple[ReducedPose, float]:
    damping = FIRST_DAMPING
    for number in range(steps):
        reach = reaches[min(number, len(reaches) - 1)]
        before, hessian_FF, gradient_F = equations(pose, reach)
        found = _lower(problem, pose, reach, before, hessian_FF, gradient_F, free, damping)
        if found is None:
            break
        pose, after, damping = found
        damping = max(damping * LESS_DAMPING, LEAST_DAMPING)
        if number >= len(reaches) - 1 and before - after < CONVERGED * before:
            break
    return pose, problem.cost(pose, reaches[-1])


def _lower(
    problem: Problem, pose: ReducedPose, reach: float, before: float, hessian_FF: F64, gradient_F: F64, free: Index,
    damping: float,
) -> tuple[ReducedPose, float, float] | None:
    """A pose of lower cost, its cost and the damping that led to it; None where no step lowers the cost."""
    for _ in range(TRIES):
        step_X = np.zeros(SHAPE.start + len(pose.shape_C))
        step_X[free] = -np.linalg.solve(hessian_FF + damping * np.diag(np.diag(hessian_FF)), gradient_F)
        there = pose.moved(step_X)
        after = problem.cost(there, reach)
        if after < before and there.root_3[2] > LEAST_DEPTH:
            return there, after, damping
        damping *= MORE_DAMPING
    return None
