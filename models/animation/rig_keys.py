"""The keys of a motion on a skeleton: for each joint that moves, its local rotation or position in every frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from models.animation.rig_motion import RigMotion
from models.arrays import F32, F64, U8
from models.body.rotation_vectors import unit_quaternions

STILL = 1e-6
"""A joint has no rotation keys if no element of its rotation matrix changes by more than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RigKeys:
    """The keys of T frames.

    Attributes:
        rig: the skeleton and its rest pose, with the first frames of the motion.
        second_T: time of each frame, seconds.
        presence_T: the presence of the person in each frame, as in `BodyMotion`.
        turn_of: for each joint that rotates, quaternions (T, 4) x, y, z, w in its parent's axes; signs do not jump.
        place_of: for each joint of `RigMotion.moving`, positions (T, 3) in its parent's axes, metres.
    """

    rig: RigMotion
    second_T: F64
    presence_T: U8
    turn_of: dict[int, F32]
    place_of: dict[int, F32]


def rig_keys(parts: Iterable[RigMotion]) -> RigKeys:
    """The keys of a motion from its parts, as `rig_parts` yields them."""
    turns: dict[int, list[tuple[int, F32]]] = {}
    places: dict[int, list[F32]] = {}
    seconds, presences, frames = list[F64](), list[U8](), 0
    first: RigMotion | None = None
    for rig in parts:
        first = rig if first is None else first
        turn_TJ33, rest_J33 = rig.local_turns(), first.local_rest()[0]
        for joint in np.flatnonzero(np.abs(turn_TJ33 - rest_J33).max(axis=(0, 2, 3)) > STILL).tolist():
            turns.setdefault(joint, []).append((frames, unit_quaternions(turn_TJ33[:, joint]).astype(np.float32)))
        for joint in rig.moving:
            places.setdefault(joint, []).append(rig.local_places(joint).astype(np.float32))
        seconds.append(rig.second_T)
        presences.append(rig.presence_T)
        frames += len(rig.second_T)
    assert first is not None, "a motion has frames"
    rest_J4 = unit_quaternions(first.local_rest()[0]).astype(np.float32)
    return RigKeys(
        rig=first, second_T=np.concatenate(seconds), presence_T=np.concatenate(presences),
        turn_of={joint: _joined(found, frames, rest_J4[joint]) for joint, found in sorted(turns.items())},
        place_of={joint: np.concatenate(found) for joint, found in places.items()},
    )


def _joined(found: list[tuple[int, F32]], frames: int, rest_4: F32) -> F32:
    """One quaternion per frame (T, 4), whose sign does not jump from frame to frame; the rest pose in those parts of
    the motion in which the joint does not move."""
    turn_T4 = np.tile(rest_4, (frames, 1))
    for first, part_T4 in found:
        turn_T4[first : first + len(part_T4)] = part_T4
    agrees_T = (turn_T4[1:] * turn_T4[:-1]).sum(axis=1) >= 0
    turn_T4[1:] *= np.cumprod(np.where(agrees_T, np.float32(1), np.float32(-1)))[:, None]
    return turn_T4

