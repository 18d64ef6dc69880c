"""The cost of a pose, given the points and joints of one person in an image, and its minimum by Levenberg–Marquardt.

Cost = ½ [Σ weight · Geman–McClure(error / σ) + (pose − mean)ᵀ precision (pose − mean) + weight · |shape|²] + knee cost.
In this formula the pose is the rotation vectors of all rotations but the root's.
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
from models.body.pose_jacobian import PosedPoints, position_jacobian, projection_jacobian
from models.body.pose_prior import load_pose_prior
from models.body.reduced_pose import ROOT_POSITION, ROTATION_PARAMETERS, ReducedPose
from models.body.rotation_vectors import inverse_left_jacobian
from models.body.skinned_points import joined_points, keypoint_points, points_of_shape
from models.fitting.correspondences import Correspondences
from models.fitting.knee_prior import knee_cost, knee_slopes

POSE = slice(3, ROTATION_PARAMETERS)
SHAPE = slice(ROOT_POSITION.stop, None)
ROOT_PARAMETERS: Index = np.r_[0:3, ROOT_POSITION]
MIN_DEPTH_M = 0.2
"""Metres. A step that brings the root nearer to the camera is refused."""
MIN_JOINT_SCORE = 0.05
"""Joints of a lower score get the standard deviation of a joint of this score."""
SIZE_SPREAD = 0.10
"""Standard deviation of the relative size of a person whose shape is given. A free shape has about the same."""
FIRST_DAMPING, MORE_DAMPING, LESS_DAMPING, MIN_DAMPING = 1e-2, 6.0, 0.2, 1e-5
"""Damping, relative to the diagonal of the Hessian: of the first step, its factors after a step that raised or lowered
the cost, and its minimum."""
MAX_DAMPING_TRIES = 4
"""Number of refused steps, each with more damping, after which a search ends."""
CONVERGED = 1e-3
"""A search ends when a step lowers the cost by a smaller share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseGaussian:
    """A normal distribution of the pose's rotation vectors: mean (54,) and precision (54, 54)."""

    mean_X: F64
    precision_XX: F64


@cache
def library_prior() -> PoseGaussian:
    """The prior of poses from captured motions, as `load_pose_prior` computes it."""
    prior = load_pose_prior()
    return PoseGaussian(mean_X=prior.mean_X, precision_XX=prior.whitening_XX.T @ prior.whitening_XX)


@dataclass(frozen=True, slots=True, kw_only=True)
class FitWeights:
    """Weights and standard deviations of the terms of the cost.

    Attributes:
        spread: standard deviation of a point of the surface, as a share of the person's size; at least a pixel.
        total: weight of all points together. Their errors are correlated, so it is less than their number.
        joint_spread: standard deviation of a joint of score 1, as a share of the person's size; at least a pixel. A
            joint of score s has this standard deviation divided by s².
        joint: weight of a known joint.
        shape: weight of the squared shape scores.
    """

    spread: float = 0.02
    total: float = 60.0
    joint_spread: float = 0.012
    joint: float = 1.0
    shape: float = 1.0


class FitProblem:
    """The cost of one person as a function of the pose.

    Attributes:
        camera, prior, weights: as given.
        size: the longer side of the person's box, pixels.
        parameter_X: indices of the parameters that may change: all, or all but the shape where the shape is given.
    """

    def __init__(self, seen: Correspondences, camera: PinholeCamera, prior: PoseGaussian, weights: FitWeights) -> None:
        points, joints = len(seen.chart_N), len(seen.joint_J3)
        self.camera, self.prior, self.weights, self.size = camera, prior, weights, seen.size
        keypoints = keypoint_points() if seen.shape_C is None else points_of_shape(keypoint_points(), seen.shape_C)
        self._skin = joined_points([seen.skin, keypoints])
        unknown_K3 = np.zeros((len(KEYPOINT_NAMES) - joints, 3))
        joint_J3 = np.concatenate([seen.joint_J3, unknown_K3])
        self._keypoint_J = slice(points, points + len(joint_J3))
        self._pixel_2M = np.concatenate([seen.pixel_N2, joint_J3[:, :2]]).T
        score_J = joint_J3[:, 2]
        spread_J = weights.joint_spread / np.maximum(score_J, MIN_JOINT_SCORE) ** 2
        spread_M = np.concatenate([np.full(points, weights.spread), spread_J])
        self._sigma_M = np.maximum(spread_M * seen.size, 1.0)
        each = np.full(points, weights.total / max(points, 1))
        self._weight_M = np.concatenate([each, weights.joint * (score_J > 0)])
        self.parameter_X: Index = np.arange(SHAPE.start + len(self._skin.component_CD3N))
        self._last: PosedPoints | None = None

    def with_prior(self, prior: PoseGaussian) -> FitProblem:
        """The cost of the same person with another prior of poses."""
        other = copy(self)
        other.prior = prior
        return other

    def cost(self, pose: ReducedPose, kernel_width: float) -> float:
        """The cost. The robust kernel limits the effect of errors above `kernel_width` standard deviations."""
        return self._robust(self._errors(self._posed(pose)), kernel_width)[0] + self._prior_cost(pose)

    def normal_equations(self, pose: ReducedPose, kernel_width: float) -> tuple[float, F64, F64]:
        """The cost, its Gauss–Newton Hessian (X, X) and its gradient (X,) by the parameters `parameter_X`.

        The parameters are in the order of `ReducedPose.moved`.
        """
        posed = self._posed(pose)
        cost, hessian_YY, gradient_Y = self._equations(posed, posed.lever_arms, posed.shape_jacobian, kernel_width)
        hessian_XX, gradient_X = posed.basis.T @ hessian_YY @ posed.basis, gradient_Y @ posed.basis
        self._add_priors(pose, hessian_XX, gradient_X)
        return cost + self._prior_cost(pose), hessian_XX, gradient_X

    def rigid_equations(self, pose: ReducedPose, kernel_width: float) -> tuple[float, F64, F64]:
        """Cost, Hessian (6, 6) and gradient (6,) by the root's rotation and position alone, which have no prior."""
        posed = self._posed(pose)
        lever_arm_13N = (posed.positions - pose.root_3[:, None])[None]
        without_shape_03N = np.zeros((0, 3, lever_arm_13N.shape[2]))
        cost, hessian_66, gradient_6 = self._equations(posed, lever_arm_13N, without_shape_03N, kernel_width)
        return cost + self._prior_cost(pose), hessian_66, gradient_6

    def keypoint_spread(self, pose: ReducedPose, kernel_width: float, origin: Sequence[int]) -> F64:
        """The variance of each keypoint's position (J,) relative to the mean of the keypoints `origin`, m².

        It is the mean over the three axes. The errors are normal, with the inverse Hessian as covariance (Laplace's
        method). Where the shape is given, an uncertainty of the person's size is added.
        """
        _, hessian_XX, _ = self.normal_equations(pose, kernel_width)
        posed = self._posed(pose)
        row_Y3J = position_jacobian(
            posed.lever_arms[..., self._keypoint_J], posed.shape_jacobian[..., self._keypoint_J]
        )
        row_Y3J -= row_Y3J[..., list(origin)].mean(axis=2, keepdims=True)
        slope_XL = posed.basis.T @ row_Y3J.reshape(len(row_Y3J), -1)
        variance_L = (slope_XL * np.linalg.solve(hessian_XX, slope_XL)).sum(axis=0)
        spread_J: F64 = variance_L.reshape(3, -1).mean(axis=0)
        if not len(posed.shape_jacobian):
            relative_3J = posed.positions[:, self._keypoint_J]
            relative_3J = relative_3J - relative_3J[:, list(origin)].mean(axis=1, keepdims=True)
            spread_J += SIZE_SPREAD**2 * np.square(relative_3J).mean(axis=0)
        return spread_J

    def mean_error(self, pose: ReducedPose) -> float:
        """The mean distance in pixels between the projections of points and known joints and their image points.

        Each has its weight in the fit, divided by its variance: uncertain joints have little weight.
        """
        error_2M = self._errors(self._posed(pose)) * self._sigma_M
        return float(np.average(np.hypot(*error_2M), weights=self._weight_M / self._sigma_M**2))

    def _posed(self, pose: ReducedPose) -> PosedPoints:
        """The points of a pose. The last result is kept, because cost and derivatives of one pose both need it."""
        if self._last is None or self._last.pose is not pose:
            self._last = PosedPoints(self._skin, pose)
        return self._last

    def _equations(
        self, posed: PosedPoints, lever_arm_D3N: F64, shape_jacobian_C3N: F64, kernel_width: float
    ) -> tuple[float, F64, F64]:
        """Cost, Hessian and gradient without priors, by the rows of `projection_jacobian`."""
        error_2M = self._errors(posed)
        cost, weight_M = self._robust(error_2M, kernel_width)
        depth_M, root_M = np.maximum(posed.positions[2], NEAR), np.sqrt(weight_M)
        scale_M = root_M * self.camera.focal_px / depth_M / self._sigma_M
        row_YL = projection_jacobian(lever_arm_D3N, shape_jacobian_C3N, scale_M, posed.positions[:2] / depth_M)
        return cost, row_YL @ row_YL.T, np.asarray(row_YL @ (error_2M * root_M).ravel(), np.float64)

    def _errors(self, posed: PosedPoints) -> F64:
        """Errors of projection in standard deviations (2, M)."""
        seen_2M = posed.positions[:2] / np.maximum(posed.positions[2], NEAR) * self.camera.focal_px
        seen_2M += np.asarray(self.camera.center_2, np.float64)[:, None]
        return np.asarray((seen_2M - self._pixel_2M) / self._sigma_M, np.float64)

    def _robust(self, error_2M: F64, kernel_width: float) -> tuple[float, F64]:
        """The cost of the errors and their weights in the normal equations (Geman and McClure, 1987)."""
        square_M = error_2M[0] ** 2 + error_2M[1] ** 2
        share_M = 1 / (1 + square_M / kernel_width**2)
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
        deviation_X = vector_X - self.prior.mean_X
        shape = self.weights.shape * float(pose.shape_C @ pose.shape_C)
        return 0.5 * (float(deviation_X @ self.prior.precision_XX @ deviation_X) + shape) + knee_cost(vector_X)


def minimized_pose(
    problem: FitProblem, pose: ReducedPose, kernel_widths: Sequence[float], steps: int
) -> tuple[ReducedPose, float]:
    """The pose after at most `steps` steps of all parameters, and its cost with the last kernel width.

    Args:
        problem: the cost.
        pose: the pose at which the search starts.
        kernel_widths: width of the robust kernel in each step, in standard deviations. Further steps use the last one.
        steps: maximum number of steps, at least 1.
    """
    return _search(problem, pose, kernel_widths, steps, problem.parameter_X, problem.normal_equations)


def minimized_root(
    problem: FitProblem, pose: ReducedPose, kernel_width: float, steps: int
) -> tuple[ReducedPose, float]:
    """The pose after at most `steps` steps of the root's rotation and position alone, and its cost."""
    return _search(problem, pose, [kernel_width], steps, ROOT_PARAMETERS, problem.rigid_equations)


def _search(
    problem: FitProblem, pose: ReducedPose, kernel_widths: Sequence[float], steps: int, free: Index,
    equations: Callable[[ReducedPose, float], tuple[float, F64, F64]],
) -> tuple[ReducedPose, float]:
    damping = FIRST_DAMPING
    for number in range(steps):
        kernel_width = kernel_widths[min(number, len(kernel_widths) - 1)]
        cost, hessian_FF, gradient_F = equations(pose, kernel_width)
        found = _lower(problem, pose, kernel_width, cost, hessian_FF, gradient_F, free, damping)
        if found is None:
            break
        pose, lower_cost, damping = found
        damping = max(damping * LESS_DAMPING, MIN_DAMPING)
        if number >= len(kernel_widths) - 1 and cost - lower_cost < CONVERGED * cost:
            break
    return pose, problem.cost(pose, kernel_widths[-1])


def _lower(
    problem: FitProblem, pose: ReducedPose, kernel_width: float, cost: float, hessian_FF: F64, gradient_F: F64,
    free: Index, damping: float,
) -> tuple[ReducedPose, float, float] | None:
    """A pose of lower cost, its cost, and the damping of its step; None where no step lowers the cost."""
    for _ in range(MAX_DAMPING_TRIES):
        step_F = -np.linalg.solve(hessian_FF + damping * np.diag(np.diag(hessian_FF)), gradient_F)
        step_X = np.zeros(SHAPE.start + len(pose.shape_C))
        step_X[free] = step_F
        moved = pose.moved(step_X)
        moved_cost = problem.cost(moved, kernel_width)
        if moved_cost < cost and moved.root_3[2] > MIN_DEPTH_M:
            return moved, moved_cost, damping
        damping *= MORE_DAMPING
    return None
