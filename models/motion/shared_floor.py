"""Estimates one floor for several people in front of a still camera, and the size of each person.

A fit cannot measure size and distance of a person separately: if both grow by one factor, the image does not change.
But all people stand on the same floor. So their feet together give the floor, and the floor then gives their sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.arrays import F32, F64, Bool
from models.body.body_motion import BodyMotion
from models.motion.ground import (
    LEVEL,
    Ground,
    body_ups,
    estimated_ground,
    ground_at,
    lowest_height,
    still_feet,
    up_of_level_lines,
    up_with_lines,
)
from models.motion.soles import sole_centres
from models.motion.up_direction import UpSource, estimated_up, posture_directions
from models.motion.vertical_lines import across

PITCH, ROLL = np.radians([5.0, 2.5])
"""Standard deviations, radians, of the up direction from several bodies: towards the camera, and sideways."""
SIZE, STATED_SIZE = 0.1, 0.02
"""Standard deviations of the logarithm of a person's size: of a fitted size, and where the user states the height."""
SIZES = (0.7, 1.3)
"""Smallest and largest factor by which a person's size is changed. A person who needs another one is badly fitted, or
does not stand on the floor, and keeps the size."""
NEAREST = 0.5
"""Metres. A nearer person has the weight of one at this distance."""
MIN_CAMERA_HEIGHT_M = 0.3
"""Metres. Feet that are less far below the camera have no weight."""
ITERATIONS = 15
"""Number of Gauss–Newton steps."""
MAX_DEPTH_STEP = 0.3
"""Maximum change of the logarithm of the floor's depth in one step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedFloor:
    """The floor of several people.

    Attributes:
        ground: upright axes and the floor.
        size_N: factor on the size and distance of each fitted person; 1 for a single person.
    """

    ground: Ground
    size_N: F64


def shared_floor(
    motions: Sequence[BodyMotion], stated_N: Sequence[bool], lines: Sequence[F32] = (), source: UpSource = "auto"
) -> SharedFloor:
    """Upright axes and floor of several people in the frame of one still camera, and the people's sizes.

    The up direction is estimated from bodies, feet and lines by robust least squares. The weight of a person is the sum
    over frames of the size in the image.

    Args:
        motions: motions of N people.
        stated_N: True for people whose height the user states. They keep their size.
        lines: steep lines of some frames, as `up_from_lines` takes them.
        source: from what the up direction is estimated, see `estimated_up`.
    """
    if len(motions) == 1:
        return SharedFloor(ground=estimated_ground(motions[0], lines, source), size_N=np.ones(1))
    away = [np.maximum(np.linalg.norm(motion.root_T3, axis=1), NEAREST) for motion in motions]
    shown_N = np.array([(1 / away_T).sum() for away_T in away])
    ups, trunks = zip(*(body_ups(motion) for motion in motions), strict=True)
    directions = [posture_directions(*of_person) for of_person in zip(motions, ups, trunks, strict=True)]
    estimate = estimated_up(directions, shown_N, source, up_of_level_lines(lines, motions[0].camera))
    spread_2 = np.minimum(estimate.spread_2, [ROLL, PITCH]) if estimate.upright > 0.5 else estimate.spread_2
    body_up_3, body_spread_2 = up_with_lines(estimate.up_3, spread_2, lines, motions[0].camera)
    still = sum(len(still_feet(motion, up_T3, body_up_3)) for motion, up_T3 in zip(motions, ups, strict=True))
    spread_N = np.where(stated_N, STATED_SIZE, SIZE)
    patches = [sole_centres(motion) for motion in motions]
    below_N = _below(patches, body_up_3)[1]
    depth = _middle(below_N, shown_N)
    if depth < MIN_CAMERA_HEIGHT_M or estimate.upright < 0.5:
        height = min(lowest_height(motion, body_up_3) for motion in motions) if estimate.upright < 0.5 else -depth
        ground = replace(ground_at(body_up_3, height, still), sure=estimate.sure)
        return SharedFloor(ground=ground, size_N=np.ones(len(motions)))
    up_3 = body_up_3
    for _ in range(ITERATIONS):
        foot_N3, below_N = _below(patches, up_3)
        up_3, depth = _stepped(up_3, depth, (body_up_3, body_spread_2), foot_N3, spread_N)
    size_N = depth / np.maximum(_below(patches, up_3)[1], 1e-6)
    kept_N: Bool = np.asarray(stated_N) | (size_N < SIZES[0]) | (size_N > SIZES[1])
    ground = replace(ground_at(up_3, -depth, still), sure=estimate.sure)
    return SharedFloor(ground=ground, size_N=np.where(kept_N, 1.0, size_N))


def _below(patches: Sequence[F64], up_3: F64) -> tuple[F64, F64]:
    """The median position (N, 3) of the lowest part of each person's soles, and its depth below the camera (N,)."""
    lowest = [sole_TP3[np.arange(len(sole_TP3)), (sole_TP3 @ up_3).argmin(axis=1)] for sole_TP3 in patches]
    foot_N3 = np.array([np.median(sole_T3, axis=0) for sole_T3 in lowest])
    return foot_N3, -(foot_N3 @ up_3)


def _middle(value_N: F64, weight_N: F64) -> float:
    """The weighted median."""
    order_N = np.argsort(value_N)
    share_N = weight_N[order_N].cumsum()
    return float(value_N[order_N[np.searchsorted(share_N, share_N[-1] / 2)]])


def _stepped(
    up_3: F64, depth: float, body_up: tuple[F64, F64], foot_N3: F64, spread_N: F64
) -> tuple[F64, float]:
    """The up direction and the floor's depth below the camera after one Gauss–Newton step (Geman–McClure kernel).

    `body_up`: the up direction from bodies and lines, and its two standard deviations.
    """
    below_N = np.maximum(-(foot_N3 @ up_3), MIN_CAMERA_HEIGHT_M)
    error_N = np.log(below_N / depth)
    weight_N = (-(foot_N3 @ up_3) > MIN_CAMERA_HEIGHT_M) / spread_N**2 / (1 + (error_N / (2 * SIZE)) ** 2) ** 2
    turn_23, (body_up_3, body_spread_2) = across(up_3), body_up
    slope_N3 = np.column_stack([-(foot_N3 @ turn_23.T) / below_N[:, None], -np.ones(len(foot_N3))])
    normal_33 = slope_N3.T @ (slope_N3 * weight_N[:, None]) + 1e-6 * np.eye(3)
    right_3 = slope_N3.T @ (weight_N * error_N)
    precision_22, roll_2 = np.diag(body_spread_2**-2), turn_23[:, 0] / LEVEL
    normal_33[:2, :2] += precision_22 + np.outer(roll_2, roll_2)
    right_3[:2] += roll_2 * up_3[0] / LEVEL - precision_22 @ turn_23 @ body_up_3
    step_3 = -np.linalg.solve(normal_33, right_3)
    up_3 = up_3 + step_3[:2] @ turn_23
    return up_3 / np.linalg.norm(up_3), depth * float(np.exp(np.clip(step_3[2], -MAX_DEPTH_STEP, MAX_DEPTH_STEP)))
