"""The cost of a pose under what is seen, and its minimum by Levenberg–Marquardt.

Cost = ½ [Σ weight · Geman–McClure(error / σ) + (pose − mean)ᵀ precision (pose − mean) + weight · |shape|²] + that of
the knees. The pose stands there as rotation vectors of all rotations but the root's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cache

import numpy as np

from models.arrays import F64, Index
from models.body.camera import NEAR, PinholeCamera
from models.body.open_body import KEYPOINT_NAMES
from models.body.pose_jacobian import PosedPoints, place_rows, projected_rows
from models.body.pose_prior import load_pose_prior
from models.body.reduced_pose import PLACE, TURNS, ReducedPose
from models.body.rotation_vectors import inverse_left_jacobian
from models.body.skinned_points import joined_points, keypoint_points, of_shape
from models.fitting.correspondences import Correspondences
from models.fitting.straight_knees import knee_cost, knee_slopes

POSE = slice(3, TURNS)
SHAPE = slice(PLACE.stop, None)
ROOT_AND_PLACE: Index = np.r_[0:3, PLACE]
LEAST_DEPTH = 0.2
LEAST_SCORE = 0.05
"""Joints of a lower score are as uncertain as this one."""
FIRST_DAMPING, MORE_DAMPING, LESS_DAMPING, LEAST_DAMPING = 1e-2, 6.0, 0.2, 1e-5
SIZE_DOUBT = 0.10
"""Standard deviation of the size of a person whose shape is given; a free shape leaves as much uncertain."""
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
    """One person's cost as a function of the pose; `parameter_X`: the parameters that may change."""

    def __init__(self, seen: Correspondences, camera: PinholeCamera, prior: Normal, weights: Weights) -> None:
        points, joints = len(seen.chart_N), len(seen.joint_J3)
        self.camera, self.prior, self.weights = camera, prior, weights
        keypoints = keypoint_points() if seen.shape_C is None else of_shape(keypoint_points(), seen.shape_C)
        self._skin = joined_points([seen.skin, keypoints])
        unknown_K3 = np.zeros((len(KEYPOINT_NAMES) - joints, 3))
        joint_J3 = np.concatenate([seen.joint_J3, unknown_K3])
        self._keypoint_J = slice(points, points + len(joint_J3))
        self._pixel_2M = np.concatenate([seen.pixel_N2, joint_J3[:, :2]]).T
        score_J = joint_J3[:, 2]
        spread_J = weights.joint_spread / np.maximum(score_J, LEAST_SCORE) ** 2
        spread_M = np.concatenate([np.full(points, weights.spread), spread_J])
        self._sigma_M = np.maximum(spread_M * seen.size, 1.0)
        each = np.full(points, weights.total / max(points, 1))
        self._weight_M = np.concatenate([each, weights.joint * (score_J > 0)])
        self.parameter_X: Index = np.arange(SHAPE.start + len(self._skin.component_CD3N))
        self._last: PosedPoints | None = None

    def with_prior(self, prior: Normal) -> Problem:
        """The same person's cost under another prior of poses."""
        other = copy(self)
        other.prior = prior
        return other

    def cost(self, pose: ReducedPose, reach: float) -> float:
        """The cost; errors count fully up to about `reach` standard deviations."""
        return self._robust(self._errors(self._posed(pose)), reach)[0] + self._prior_cost(pose)

    def normal_equations(self, pose: ReducedPose, reach: float) -> tuple[float, F64, F64]:
        """The cost, its Gauss–Newton Hessian (X, X) and its gradient (X,) by the parameters of `ReducedPose.moved`.

        Those of the shape are missing where it is given.
        """
        posed = self._posed(pose)
        cost, hessian_YY, gradient_Y = self._equations(posed, posed.arms, posed.shaped, reach)
        hessian_XX, gradient_X = posed.basis.T @ hessian_YY @ posed.basis, gradient_Y @ posed.basis
        self._add_priors(pose, hessian_XX, gradient_X)
        return cost + self._prior_cost(pose), hessian_XX, gradient_X

    def rigid_equations(self, pose: ReducedPose, reach: float) -> tuple[float, F64, F64]:
        """The same by the root's turn and place alone, which have no prior: (6, 6) and (6,)."""
        posed = self._posed(pose)
        arm_13N = (posed.places - pose.root_3[:, None])[None]
        cost, hessian_66, gradient_6 = self._equations(posed, arm_13N, np.zeros((0, 3, arm_13N.shape[2])), reach)
        return cost + self._prior_cost(pose), hessian_66, gradient_6

    def keypoint_spread(self, pose: ReducedPose, reach: float, origin: Sequence[int]) -> F64:
        """Mean variance over the axes of the keypoints' places (J,) relative to the mean of some keypoints, m².

        The errors are taken as normal, with the covariance that the curvature of the cost gives (Laplace's method). A
        given shape, which the curvature takes as exact, is uncertain in size.
        """
        _, hessian_XX, _ = self.normal_equations(pose, reach)
        posed = self._posed(pose)
        row_Y3J = place_rows(*(one[..., self._keypoint_J] for one in (posed.arms, posed.shaped)))
        row_Y3J -= row_Y3J[..., list(origin)].mean(axis=2, keepdims=True)
        slope_XL = posed.basis.T @ row_Y3J.reshape(len(row_Y3J), -1)
        variance_L = (slope_XL * np.linalg.solve(hessian_XX, slope_XL)).sum(axis=0)
        spread_J: F64 = variance_L.reshape(3, -1).mean(axis=0)
        if not len(posed.shaped):
            away_3J = posed.places[:, self._keypoint_J]
            away_3J = away_3J - away_3J[:, list(origin)].mean(axis=1, keepdims=True)
            spread_J += SIZE_DOUBT**2 * np.square(away_3J).mean(axis=0)
        return spread_J

    def mean_error(self, pose: ReducedPose) -> float:
        """Mean distance of the points and the known joints from where the picture shows them, pixels.

        The weights are those of the fit over the variances: uncertain joints hardly count.
        """
        error_2M = self._errors(self._posed(pose)) * self._sigma_M
        return float(np.average(np.hypot(*error_2M), weights=self._weight_M / self._sigma_M**2))

    def _posed(self, pose: ReducedPose) -> PosedPoints:
        """The points under a pose; those of the last pose are kept."""
        if self._last is None or self._last.pose is not pose:
            self._last = PosedPoints(self._skin, pose)
        return self._last

    def _equations(
        self, posed: PosedPoints, arm_D3N: F64, shaped_C3N: F64, reach: float
    ) -> tuple[float, F64, F64]:
        """Cost, Hessian and gradient of what is seen by turns, place and shape as in `projected_rows`."""
        error_2M = self._errors(posed)
        cost, weight_M = self._robust(error_2M, reach)
        depth_M, root_M = np.maximum(posed.places[2], NEAR), np.sqrt(weight_M)
        scale_M = root_M * self.camera.focal_px / depth_M / self._sigma_M
        row_YL = projected_rows(arm_D3N, shaped_C3N, scale_M, posed.places[:2] / depth_M)
        return cost, row_YL @ row_YL.T, np.asarray(row_YL @ (error_2M * root_M).ravel(), np.float64)

    def _errors(self, posed: PosedPoints) -> F64:
        """Errors in the picture in standard deviations (2, M)."""
        seen_2M = posed.places[:2] / np.maximum(posed.places[2], NEAR) * self.camera.focal_px
        seen_2M += np.asarray(self.camera.center_2, np.float64)[:, None]
        return np.asarray((seen_2M - self._pixel_2M) / self._sigma_M, np.float64)

    def _robust(self, error_2M: F64, reach: float) -> tuple[float, F64]:
        """The cost of the errors and their weights in the normal equations (Geman and McClure, 1987)."""
        square_M = error_2M[0] ** 2 + error_2M[1] ** 2
        share_M = 1 / (1 + square_M / reach**2)
        return 0.5 * float(self._weight_M @ (square_M * share_M)), self._weight_M * share_M**2

    def _add_priors(self, pose: ReducedPose, hessian_XX: F64, gradient_X: F64) -> None:
        """Add the priors to the normal equations, in place."""
        vector_R3 = pose.vectors[1:]
        turns = np.arange(len(vector_R3))
        slope_R3R3 = np.zeros((*vector_R3.shape, *vector_R3.shape))
        slope_R3R3[turns, :, turns] = inverse_left_jacobian(vector_R3)
        slope_XX, vector_X = slope_R3R3.reshape(vector_R3.size, -1), vector_R3.ravel()
        curvature_X, pull_X = knee_slopes(vector_X)
        pull_X += self.prior.precision_XX @ (vector_X - self.prior.mean_X)
        hessian_XX[POSE, POSE] += slope_XX.T @ (self.prior.precision_XX + np.diag(curvature_X)) @ slope_XX
        gradient_X[POSE] += slope_XX.T @ pull_X
        shape_C = pose.shape_C[: len(gradient_X) - SHAPE.start]
        hessian_XX[SHAPE, SHAPE] += self.weights.shape * np.eye(len(shape_C))
        gradient_X[SHAPE] += self.weights.shape * shape_C

    def _prior_cost(self, pose: ReducedPose) -> float:
        vector_X = pose.vectors[1:].ravel()
        away_X = vector_X - self.prior.mean_X
        shape = self.weights.shape * float(pose.shape_C @ pose.shape_C)
        return 0.5 * (float(away_X @ self.prior.precision_XX @ away_X) + shape) + knee_cost(vector_X)


def minimized(
    problem: Problem, pose: ReducedPose, reaches: Sequence[float], steps: int
) -> tuple[ReducedPose, float]:
    """The pose after at most `steps` steps, and its cost under the last reach.

    Args:
        problem: the person's.
        pose: where the search begins.
        reaches: of the robust kernel at each step; the last one stays.
        steps: at least 1.
    """
    return _search(problem, pose, reaches, steps, problem.parameter_X, problem.normal_equations)


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
        step_F = -np.linalg.solve(hessian_FF + damping * np.diag(np.diag(hessian_FF)), gradient_F)
        step_X = np.zeros(SHAPE.start + len(pose.shape_C))
        step_X[free] = step_F
        there = pose.moved(step_X)
        after = problem.cost(there, reach)
        if after < before and there.root_3[2] > LEAST_DEPTH:
            return there, after, damping
        damping *= MORE_DAMPING
    return None
