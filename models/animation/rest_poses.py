"""The open body in the rest poses of animation: arms level (T) or 45° down (A), legs upright, palms down."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.spatial.transform import Rotation

from models.arrays import F32, F64
from models.body.open_body import OpenBody, forward_kinematics
from models.body.retarget import SIDES, orthonormal_axes
from models.body.rotation_vectors import shortest_rotation

RestPose = Literal["t", "a"]
ARM_DROP: dict[RestPose, float] = {"t": 0.0, "a": 45.0}
"""Degrees by which the arms point down."""

LEFT, DOWN, FRONT = np.array([1.0, 0, 0]), np.array([0, -1.0, 0]), np.array([0, 0, 1.0])
FINGERS = (2, 3, 4, 5)


def rest_pose(body: OpenBody, head_B3: F32, pose: RestPose) -> tuple[F32, F32]:
    """Global rotations (B, 3, 3) and positions (B, 3) of a shape's bones in a rest pose with the soles at y = 0.

    Args:
        head_B3: heads of the bones of the shape, as `OpenBody.rest` gives them.
    """
    place = {name: head_B3[b].astype(np.float64) for b, name in enumerate(body.bones)}
    wanted: dict[str, F64] = {}
    for side in SIDES:
        wanted |= _leg(place, side) | _arm(place, side, ARM_DROP[pose])
    local_B33 = np.tile(np.eye(3), (len(body.bones), 1, 1))
    global_B33 = np.empty_like(local_B33)
    for b, (name, parent) in enumerate(zip(body.bones, body.parent_B.tolist(), strict=True)):
        above = global_B33[parent] if parent >= 0 else np.eye(3)
        global_B33[b] = wanted.get(name, above)
        local_B33[b] = above.T @ global_B33[b]
    turned_B33, placed_B3 = forward_kinematics(body, head_B3, local_B33.astype(np.float32), head_B3[0])
    ankle = body.bone("foot.L")
    placed_B3[:, 1] += head_B3[ankle, 1] - placed_B3[ankle, 1]
    return turned_B33, placed_B3


def _leg(place: dict[str, F64], side: str) -> dict[str, F64]:
    """Rotations of one leg: thigh and shin point down, the foot is as in the body's own rest pose."""
    hip, knee, ankle = (place[f"{bone}.{side}"] for bone in ("upperleg01", "lowerleg01", "foot"))
    down = orthonormal_axes(DOWN, LEFT)
    return {
        f"upperleg01.{side}": down @ orthonormal_axes(knee - hip, LEFT).T,
        f"lowerleg01.{side}": down @ orthonormal_axes(ankle - knee, LEFT).T,
        f"foot.{side}": np.eye(3),
    }


def _arm(place: dict[str, F64], side: str, drop: float) -> dict[str, F64]:
    """Rotations of one arm: arm, hand and fingers are on one line, the elbow's hinge bends forward, the palm faces
    down.

    The lower half of the forearm takes half of the hand's rotation about the forearm.
    """
    sign = 1.0 if side == "L" else -1.0
    along = np.array([sign * np.cos(np.radians(drop)), -np.sin(np.radians(drop)), 0])
    hinge = np.cross(along, FRONT)
    shoulder, elbow, wrist = (place[f"{bone}.{side}"] for bone in ("upperarm01", "lowerarm01", "wrist"))
    bend = np.cross(elbow - shoulder, wrist - elbow)
    upper = orthonormal_axes(along, hinge) @ orthonormal_axes(elbow - shoulder, bend).T
    fore = orthonormal_axes(along, hinge) @ orthonormal_axes(wrist - elbow, bend).T
    knuckle = {k: place[f"finger{k}-1.{side}"] for k in FINGERS}
    hand = orthonormal_axes(along, FRONT) @ orthonormal_axes(knuckle[3] - wrist, knuckle[2] - knuckle[5]).T
    turn = Rotation.from_matrix(hand @ fore.T).as_rotvec() @ along
    found = {
        f"upperarm01.{side}": upper,
        f"lowerarm01.{side}": fore,
        f"lowerarm02.{side}": Rotation.from_rotvec(0.5 * turn * along).as_matrix() @ fore,
        f"wrist.{side}": hand,
    }
    for k in FINGERS:
        joints = [place[f"finger{k}-{joint}.{side}"] for joint in (1, 2, 3)]
        first, second = joints[1] - joints[0], joints[2] - joints[1]
        third = shortest_rotation(first, second) @ second  # The tip is no joint: it bends as the joint before it.
        for joint, direction in enumerate((first, second, third), 1):
            found[f"finger{k}-{joint}.{side}"] = shortest_rotation(hand @ direction, along) @ hand
    return found
