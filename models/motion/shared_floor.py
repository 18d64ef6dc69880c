"""One floor for several people before a still camera.

A fit hardly knows how large somebody is and thus how far away: both grow together along the camera's rays, and the
picture stays. But all stand on one floor. So their feet together tell where it lies, and then how large each person is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.arrays import F32, F64, Bool
from models.body.body_motion import BodyMotion
from models.motion.ground import LEVEL, Ground, estimated_ground, placed_ground, with_lines
from models.motion.soles import sole_centres
from models.motion.upright_lines import across

PITCH, ROLL = np.radians([5.0, 2.5])
"""Standard deviations of the up that several bodies tell together: towards the camera, and sideways."""

SIZE, STATED_SIZE = 0.1, 0.02
"""Standard deviations of the logarithm of a person's size: as fitted, and where the height is stated."""

SIZES = (0.7, 1.3)
"""Factors by which a person may be larger than fitted. Whoever needs another one is badly fitted, or hangs or stands on
something, and stays."""

NEAREST = 0.5
"""Metres: a nearer person counts as one at this distance."""

LEAST_BELOW = 0.3
"""Metres: feet that are less deep below the camera tell nothing of the floor."""

ITERATIONS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedFloor:
    """The floor of several people.

    Attributes:
        ground: upright axes and the floor.
        size_N: factor by which each person is larger and farther than fitted; 1 for one person alone.
    """

    ground: Ground
    size_N: F64


def shared_floor(
    motions: Sequence[BodyMotion], stated_N: Sequence[bool], lines: Sequence[F32] = ()
) -> SharedFloor:
    """Upright axes and floor of several people in the frame of one still camera, and the people's sizes.

    Up is what the bodies and their feet tell, by robust least squares. People count by their size in the picture and
    the time that they are seen.

    Args:
        stated_N: whose height is stated, so that the size stays as it is.
        lines: steep lines of some pictures, as `up_of_lines` takes them.
    """
    if len(motions) == 1:
        return SharedFloor(ground=estimated_ground(motions[0], lines), size_N=np.ones(1))
    alone = [estimated_ground(motion) for motion in motions]
    away = [np.maximum(np.linalg.norm(motion.root_T3, axis=1), NEAREST) for motion in motions]
    shown_N = np.array([(1 / away_T).sum() for away_T in away])
    told_3 = (shown_N[:, None] * [ground.up_3 for ground in alone]).sum(axis=0)
    told_3 /= np.linalg.norm(told_3)
    told_3, told_2 = with_lines(told_3, np.array([ROLL, PITCH]), lines, motions[0].camera)
    spread_N = np.where(stated_N, STATED_SIZE, SIZE)
    patches = [sole_centres(motion) for motion in motions]
    below_N = _below(patches, told_3)[1]
    still, depth = sum(ground.still for ground in alone), _middle(below_N, shown_N)
    if depth < LEAST_BELOW:
        return SharedFloor(ground=placed_ground(told_3, -depth, still), size_N=np.ones(len(alone)))
    up_3 = told_3
    for _ in range(ITERATIONS):
        foot_N3, below_N = _below(patches, up_3)
        up_3, depth = _stepped(up_3, depth, (told_3, told_2), foot_N3, spread_N)
    size_N = depth / np.maximum(_below(patches, up_3)[1], 1e-6)
    kept_N: Bool = np.asarray(stated_N) | (size_N < SIZES[0]) | (size_N > SIZES[1])
    return SharedFloor(ground=placed_ground(up_3, -depth, still), size_N=np.where(kept_N, 1.0, size_N))


def _below(patches: Sequence[F64], up_3: F64) -> tuple[F64, F64]:
    """The usual place (N, 3) of the lowest part of each person's soles, and how far it is below the camera (N,)."""
    foot_N3 = np.array(
        [np.median(one_TP3[np.arange(len(one_TP3)), (one_TP3 @ up_3).argmin(axis=1)], axis=0) for one_TP3 in patches]
    )
    return foot_N3, -(foot_N3 @ up_3)


def _middle(value_N: F64, weight_N: F64) -> float:
    """The weighted median."""
    order_N = np.argsort(value_N)
    share_N = weight_N[order_N].cumsum()
    return float(value_N[order_N[np.searchsorted(share_N, share_N[-1] / 2)]])


def _stepped(
    up_3: F64, depth: float, told: tuple[F64, F64], foot_N3: F64, spread_N: F64
) -> tuple[F64, float]:
    """Up and the floor's depth below the camera after one Gauss–Newton step (kernel of Geman and McClure)."""
    below_N = np.maximum(-(foot_N3 @ up_3), LEAST_BELOW)
    off_N = np.log(below_N / depth)
    weight_N = (-(foot_N3 @ up_3) > LEAST_BELOW) / spread_N**2 / (1 + (off_N / (2 * SIZE)) ** 2) ** 2
    turn_23, (told_3, told_2) = across(up_3), told
    slope_N3 = np.column_stack([-(foot_N3 @ turn_23.T) / below_N[:, None], -np.ones(len(foot_N3))])
    normal_33 = slope_N3.T @ (slope_N3 * weight_N[:, None]) + 1e-6 * np.eye(3)
    right_3 = slope_N3.T @ (weight_N * off_N)
    told_22, roll_2 = np.diag(told_2**-2), turn_23[:, 0] / LEVEL
    normal_33[:2, :2] += told_22 + np.outer(roll_2, roll_2)
    right_3[:2] += roll_2 * up_3[0] / LEVEL - told_22 @ turn_23 @ told_3
    step_3 = -np.linalg.solve(normal_33, right_3)
    up_3 = up_3 + step_3[:2] @ turn_23
    return up_3 / np.linalg.norm(up_3), depth * float(np.exp(np.clip(step_3[2], -0.3, 0.3)))
