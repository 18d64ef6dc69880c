"""Interpolation of poses: weighted means of joint angles, and smooth curves through key poses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.arrays import F32, F64
from stages.world.bodies.poses import AnglePose, Arm, Leg
from stages.world.bodies.rotations import unit

Floats = Sequence[float] | F64

Triple = tuple[float, float, float]

# Opposite directions cancel out; the limb then passes through this direction, to the front and outside.
_DETOUR = np.array([0.35, -0.1, 0.6])


def mean_pose(poses: Sequence[AnglePose], weights: Floats) -> AnglePose:
    """The weighted mean of poses; the weights sum to 1. Every angle lies within the range of the given ones."""
    return AnglePose(
        left_arm=_arm([pose.left_arm for pose in poses], weights),
        right_arm=_arm([pose.right_arm for pose in poses], weights),
        left_leg=_leg([pose.left_leg for pose in poses], weights),
        right_leg=_leg([pose.right_leg for pose in poses], weights),
        spine=_triple([pose.spine for pose in poses], weights),
        neck=_triple([pose.neck for pose in poses], weights),
        tilt_33=_rotation([pose.tilt_33 for pose in poses], weights),
    )


def spline_weights(t: float, count: int) -> tuple[int, F64]:
    """The uniform cubic B-spline: the first of four keys and their weights at t in 0 … count − 3 (in keys).

    Weights are not negative and sum to 1, so the curve stays within its keys; two derivatives are continuous.
    """
    first = int(np.clip(np.floor(t), 0, count - 4))
    s = float(np.clip(t - first, 0, 1))
    weights = np.array([(1 - s) ** 3, 3 * s**3 - 6 * s**2 + 4, -3 * s**3 + 3 * s**2 + 3 * s + 1, s**3]) / 6
    return first, weights


def pose_on_spline(keys: Sequence[AnglePose], t: float) -> AnglePose:
    """The pose at t (in keys) on the B-spline of key poses."""
    first, weights = spline_weights(t, len(keys))
    return mean_pose(keys[first : first + 4], weights)


def _arm(arms: Sequence[Arm], weights: Floats) -> Arm:
    return Arm(
        toward=_direction([arm.toward for arm in arms], weights), elbow=_mean([arm.elbow for arm in arms], weights),
        twist=_mean([arm.twist for arm in arms], weights), turn=_mean([arm.turn for arm in arms], weights),
        wrist=_mean([arm.wrist for arm in arms], weights), curl=_mean([arm.curl for arm in arms], weights),
    )


def _leg(legs: Sequence[Leg], weights: Floats) -> Leg:
    return Leg(
        toward=_direction([leg.toward for leg in legs], weights), knee=_mean([leg.knee for leg in legs], weights),
        twist=_mean([leg.twist for leg in legs], weights), ankle=_mean([leg.ankle for leg in legs], weights),
        toes=_mean([leg.toes for leg in legs], weights),
    )


def _mean(values: Sequence[float], weights: Floats) -> float:
    return float(np.dot(weights, values))


def _triple(values: Sequence[Triple], weights: Floats) -> Triple:
    a, b, c = np.dot(weights, np.asarray(values)).tolist()
    return a, b, c


def _direction(values: Sequence[Triple], weights: Floats) -> Triple:
    total = np.dot(weights, np.stack([unit(value) for value in values]))
    x, y, z = (total + max(0.0, 0.5 - float(np.linalg.norm(total))) * _DETOUR).tolist()
    return x, y, z


def _rotation(turns: Sequence[F32], weights: Floats) -> F32:
    """The rotation matrix nearest to the weighted mean of matrices."""
    left, _, right = np.linalg.svd(np.tensordot(np.asarray(weights), np.stack(turns).astype(np.float64), axes=1))
    proper = np.diag([1, 1, np.sign(np.linalg.det(left @ right))])
    return np.asarray(left @ proper @ right, np.float32)
