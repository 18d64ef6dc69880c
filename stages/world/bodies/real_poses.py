"""Poses of real people for the worlds: drawn from the library, mirrored and disturbed, with random fingers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from models.arrays import F32
from models.body.open_body import load_body
from models.body.pose_library import all_bones, load_poses, mirrored_vectors
from stages.world.bodies.poses import BonePose, Pose, finger_turns, forearm_turn, mirrored_turn
from stages.world.bodies.random_poses import RANDOM_POSES

Rng = np.random.Generator

DISTURBANCE = 0.05
"""Standard deviation of the rotation vectors that are added to every stored bone, radians an axis."""


def real_pose(rng: Rng) -> BonePose:
    """A random pose of the library or its mirror image."""
    library = load_poses()
    chosen = int(rng.integers(len(library.vector_NK3)))
    vector_K3 = library.vector_NK3[chosen]
    vector_K3 = vector_K3 + rng.normal(0, DISTURBANCE, vector_K3.shape).astype(np.float32)
    turn_B33 = all_bones(mirrored_vectors(vector_K3) if rng.random() < 0.5 else vector_K3)
    for side in "LR":
        _turn_hand(rng, turn_B33, side, known=library.has_hands(chosen))
    return BonePose(turn_B33=turn_B33)


def _turn_hand(rng: Rng, turn_B33: F32, side: str, *, known: bool) -> None:
    """Flex the fingers at random, in place, and turn the forearm too where the source did not tell how it is turned."""
    turns = finger_turns(float(rng.uniform(0.0, 1.3)))
    if not known:
        turns["wrist"] = turns["lowerarm02"] = forearm_turn(0.5 * float(rng.normal(0, 0.5)))
    for name, turn_33 in turns.items():
        turn_B33[load_body().bone(f"{name}.{side}")] = turn_33 if side == "L" else mirrored_turn(turn_33)


POSES: dict[str, Callable[[Rng], Pose]] = {**RANDOM_POSES, "real": real_pose}
"""All poses that a world may name: the random ones, and those of real people."""
