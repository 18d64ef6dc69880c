"""Legs that reach given ankles: inverse kinematics of two bones, for all frames of a motion at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from models.arrays import F64, Float
from models.body.open_body import load_body
from models.body.rotation_vectors import shortest_rotation

LONGEST = 0.999
"""Share of the length of thigh and shin that a leg may reach: a straight knee has no bending direction."""

STRAIGHT = 0.03
"""Below this sine of its angle, the knee bends about the thigh's own axis to the left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegTurns:
    """Turns of one leg's bones in the world's axes, (T, 3, 3): the whole leg's about the hip, the shin's before it."""

    hip_T33: F64
    knee_T33: F64


def turns_to_reach(hip_T3: Float, knee_T3: Float, ankle_T3: Float, left_T3: Float, target_T3: Float) -> LegTurns:
    """How a leg turns so that its ankle comes to a target, or as near as it reaches.

    The knee stays in its plane and bends backwards only.

    Args:
        left_T3: the thigh's own axis to the person's left.
    """
    thigh_T3, shin_T3 = knee_T3 - hip_T3, ankle_T3 - knee_T3
    first_T, second_T = np.linalg.norm(thigh_T3, axis=1), np.linalg.norm(shin_T3, axis=1)
    hinge_T3 = np.cross(thigh_T3, shin_T3) / (first_T * second_T)[:, None]
    backwards_T = ((hinge_T3 * left_T3).sum(axis=1) > STRAIGHT)[:, None]
    hinge_T3 = np.where(backwards_T, hinge_T3, left_T3)
    hinge_T3 = hinge_T3 / np.linalg.norm(hinge_T3, axis=1, keepdims=True)
    bent_T = np.arctan2((np.cross(thigh_T3, shin_T3) * hinge_T3).sum(axis=1), (thigh_T3 * shin_T3).sum(axis=1))
    way_T3 = target_T3 - hip_T3
    way_T = np.clip(np.linalg.norm(way_T3, axis=1), np.abs(first_T - second_T) + 1e-3, LONGEST * (first_T + second_T))
    cosine_T = (way_T**2 - first_T**2 - second_T**2) / (2 * first_T * second_T)
    knee = Rotation.from_rotvec((np.arccos(np.clip(cosine_T, -1, 1)) - bent_T)[:, None] * hinge_T3)
    return LegTurns(hip_T33=shortest_rotation(thigh_T3 + knee.apply(shin_T3), way_T3), knee_T33=knee.as_matrix())


def with_reaching_leg(
    rotation_TB33: F64, turned_TB33: F64, placed_TB3: F64, side: str, ankle_T3: F64, foot_T33: F64
) -> None:
    """Turn the bones of one leg, in place, so that its ankle and foot come to a place and an orientation.

    Args:
        rotation_TB33: the motion's rotations, which change.
        turned_TB33, placed_TB3: rotations and places of all bones before, in the world's axes.
    """
    body = load_body()
    thigh, lower_thigh, shin, lower_shin, foot = (
        body.bone(f"{name}.{side}") for name in ("upperleg01", "upperleg02", "lowerleg01", "lowerleg02", "foot")
    )
    turns = turns_to_reach(
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
