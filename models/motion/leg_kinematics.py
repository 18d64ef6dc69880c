"""Inverse kinematics of a leg's two bones, for given ankles in all frames of a motion together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from models.arrays import F64, Float
from models.body.open_body import load_body
from models.body.rotation_vectors import shortest_rotation

LONGEST = 0.999
"""Maximum distance of hip and ankle as a share of the length of thigh and shin. A straight knee has no hinge axis."""

STRAIGHT = 0.03
"""A knee whose angle has a smaller sine bends about the thigh's axis to the left, because its own axis is uncertain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegRotations:
    """Rotations of one leg in the world's axes, (T, 3, 3): first of the shin about the knee, then of the leg."""

    hip_T33: F64
    knee_T33: F64


def rotations_to_reach(
    hip_T3: Float, knee_T3: Float, ankle_T3: Float, left_T3: Float, target_T3: Float
) -> LegRotations:
    """The rotations that move a leg's ankle to a target, or as near to it as possible.

    The knee keeps its plane, and bends backwards only.

    Args:
        hip_T3, knee_T3, ankle_T3: positions of the joints.
        left_T3: the thigh's axis to the person's left.
        target_T3: positions that the ankle must reach.
    """
    thigh_T3, shin_T3 = knee_T3 - hip_T3, ankle_T3 - knee_T3
    first_T, second_T = np.linalg.norm(thigh_T3, axis=1), np.linalg.norm(shin_T3, axis=1)
    hinge_T3 = np.cross(thigh_T3, shin_T3) / (first_T * second_T)[:, None]
    backwards_T = ((hinge_T3 * left_T3).sum(axis=1) > STRAIGHT)[:, None]
    hinge_T3 = np.where(backwards_T, hinge_T3, left_T3)
    hinge_T3 = hinge_T3 / np.linalg.norm(hinge_T3, axis=1, keepdims=True)
    bent_T = np.arctan2((np.cross(thigh_T3, shin_T3) * hinge_T3).sum(axis=1), (thigh_T3 * shin_T3).sum(axis=1))
    direction_T3 = target_T3 - hip_T3
    shortest_T, longest_T = np.abs(first_T - second_T) + 1e-3, LONGEST * (first_T + second_T)
    distance_T = np.clip(np.linalg.norm(direction_T3, axis=1), shortest_T, longest_T)
    cosine_T = (distance_T**2 - first_T**2 - second_T**2) / (2 * first_T * second_T)
    knee = Rotation.from_rotvec((np.arccos(np.clip(cosine_T, -1, 1)) - bent_T)[:, None] * hinge_T3)
    leg_T3 = thigh_T3 + knee.apply(shin_T3)
    return LegRotations(hip_T33=shortest_rotation(leg_T3, direction_T3), knee_T33=knee.as_matrix())


def reach_with_leg(
    rotation_TB33: F64, turned_TB33: F64, placed_TB3: F64, side: str, ankle_T3: F64, foot_T33: F64
) -> None:
    """Rotate the bones of one leg so that its ankle reaches a position and its foot an orientation.

    Args:
        rotation_TB33: rotations of the motion, which this function changes in place.
        turned_TB33, placed_TB3: rotations and positions of all bones before, in the world's axes.
        side: `L` or `R`.
        ankle_T3: positions that the ankle must reach.
        foot_T33: orientations of the foot.
    """
    body = load_body()
    thigh, lower_thigh, shin, lower_shin, foot = (
        body.bone(f"{name}.{side}") for name in ("upperleg01", "upperleg02", "lowerleg01", "lowerleg02", "foot")
    )
    turns = rotations_to_reach(
        placed_TB3[:, thigh], placed_TB3[:, shin], placed_TB3[:, foot], turned_TB33[:, thigh, :, 0], ankle_T3
    )
    below_knee_T33 = turns.hip_T33 @ turns.knee_T33
    above_T33 = turned_TB33[:, int(body.parent_B[thigh])]
    rotation_TB33[:, thigh] = _transposed(above_T33) @ turns.hip_T33 @ turned_TB33[:, thigh]
    rotation_TB33[:, shin] = (
        _transposed(turns.hip_T33 @ turned_TB33[:, lower_thigh]) @ below_knee_T33 @ turned_TB33[:, shin]
    )
    rotation_TB33[:, foot] = _transposed(below_knee_T33 @ turned_TB33[:, lower_shin]) @ foot_T33


def _transposed(matrix_T33: F64) -> F64:
    return np.swapaxes(matrix_T33, 1, 2)
