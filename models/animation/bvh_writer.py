"""Writes a motion as BVH: centimetres, y up. Angles are relative to the rest pose of the skeleton, where all are 0.

Source of the format: Meredith and Maddock, Motion Capture File Formats Explained, 2001.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from models.animation.joint_axes import bone_directions
from models.animation.rig_motion import RigMotion, relative_turns
from models.animation.skeletons import FLOOR
from models.arrays import F64
from models.body.open_body import load_body

CENTIMETRES = 100.0
TURNS = "Zrotation Xrotation Yrotation"
"""Rotations about z, x and y. The heading is the last one, so usual poses are far from gimbal lock."""
TOE_LENGTH = 0.06
"""Metres from the ball of the foot to the end of the toes' bone."""
LOCKED = 1e-6
"""Cosine of the middle angle below which only the sum of the two other angles is known (gimbal lock)."""


def bvh_text(parts: Iterable[RigMotion], frame_time: float) -> str:
    """The text of a BVH file. Its root is the hips: the joint on the floor that `unreal` has is left out.

    Args:
        parts: the motion, as `rig_parts` yields it.
        frame_time: seconds between frames.
    """
    head, rows, before_J3 = "", list[str](), None
    for rig in parts:
        first = 1 if rig.joints[0].place == FLOOR else 0
        above_J = [max(parent - first, -1) for parent in rig.parent_J[first:].tolist()]
        if before_J3 is None:
            head = "\n".join(["HIERARCHY", *_joint_lines(rig, first, above_J, 0, 0)])
            order, before_J3 = _depth_first(above_J), np.zeros((len(above_J), 3))
        turn_TJ33 = rig.turn_TJ33[:, first:].astype(np.float64)
        angle_TJ3 = continuous_angles(relative_turns(turn_TJ33, np.array(above_J, np.int32)), before_J3)
        before_J3 = angle_TJ3[-1]
        place_T3 = rig.place_TJ3[:, first].astype(np.float64) * CENTIMETRES
        values = [place_T3, *(np.degrees(angle_TJ3[:, j]) for j in order)]
        rows += [" ".join(f"{value:.5f}" for value in row) for row in np.concatenate(values, axis=1)]
    return f"{head}\nMOTION\nFrames: {len(rows)}\nFrame Time: {frame_time:.9f}\n" + "\n".join(rows) + "\n"


def continuous_angles(turn_TJ33: F64, before_J3: F64) -> F64:
    """Angles (T, J, 3) about z, x and y, radians, whose product in this order is each rotation.

    Two triples of angles give the same rotation: the one nearer to the frame before is used. No angle changes by more
    than π between two frames. In gimbal lock the angle about z is that of the frame before.

    `before_J3`: the angles of the frame before the first.
    """
    middle = np.arcsin(np.clip(turn_TJ33[..., 2, 1], -1, 1))
    outer = np.arctan2(-turn_TJ33[..., 0, 1], turn_TJ33[..., 1, 1])
    inner = np.arctan2(-turn_TJ33[..., 2, 0], turn_TJ33[..., 2, 2])
    usual = np.stack([outer, middle, inner], axis=-1)
    other = np.stack([outer + np.pi, np.pi - middle, inner + np.pi], axis=-1)
    sum_TJ = np.arctan2(turn_TJ33[..., 1, 0], turn_TJ33[..., 0, 0])
    sign_TJ = np.sign(middle)
    locked_TJ = np.cos(middle) < LOCKED
    result, before = np.empty_like(usual), before_J3
    for t in range(len(usual)):
        held = before[:, 0]
        lock = np.stack([held, middle[t], sign_TJ[t] * (sum_TJ[t] - held)], axis=-1)
        first, second = (
            _nearest(np.where(locked_TJ[t][:, None], lock, triple[t]), before) for triple in (usual, other)
        )
        farther = np.abs(first - before).max(axis=-1) > np.abs(second - before).max(axis=-1)
        before = np.where(farther[:, None], second, first)
        result[t] = before
    return result


def _nearest(angle_J3: F64, before_J3: F64) -> F64:
    """The angles plus multiples of 2π, so that they differ by at most π from others."""
    return angle_J3 - 2 * np.pi * np.round((angle_J3 - before_J3) / (2 * np.pi))


def _depth_first(above_J: list[int]) -> list[int]:
    """Joints in the order of BVH: each one before its children, depth first."""
    found, waiting = [], [0]
    while waiting:
        j = waiting.pop()
        found.append(j)
        waiting.extend(reversed([c for c, parent in enumerate(above_J) if parent == j]))
    return found


def _joint_lines(rig: RigMotion, first: int, above_J: list[int], joint: int, depth: int) -> list[str]:
    """The lines of a joint and all below it."""
    indent, inner = "\t" * depth, "\t" * (depth + 1)
    rest_J3 = rig.rest_J3[first:].astype(np.float64)
    channels = f"6 Xposition Yposition Zposition {TURNS}" if depth == 0 else f"3 {TURNS}"
    offset = np.zeros(3) if depth == 0 else rest_J3[joint] - rest_J3[above_J[joint]]
    lines = [
        f"{indent}{'JOINT' if depth else 'ROOT'} {rig.joints[first + joint].name}", f"{indent}{{",
        f"{inner}OFFSET {_triple(offset)}", f"{inner}CHANNELS {channels}",
    ]
    children = [c for c, parent in enumerate(above_J) if parent == joint]
    for child in children:
        lines += _joint_lines(rig, first, above_J, child, depth + 1)
    if not children:
        end = _triple(_end(rig, first + joint))
        lines += [f"{inner}End Site", f"{inner}{{", f"{inner}\tOFFSET {end}", f"{inner}}}"]
    return [*lines, f"{indent}}}"]


def _end(rig: RigMotion, joint: int) -> F64:
    """Vector from the last joint of a chain to the end of its bone.

    The end is the top of the head or the tip of the toes. Other bones are as long as the one before.
    """
    along = bone_directions(rig.joints, rig.parent_J, rig.rest_J3)[joint]
    if rig.joints[joint].part == "foot":
        return along * TOE_LENGTH
    if rig.joints[joint].place == "head":
        vertex_V3, head_B3 = load_body().rest(rig.shape_C)
        return along * (vertex_V3[:, 1].max() - head_B3[load_body().bone("head"), 1])
    return along * np.linalg.norm(rig.rest_J3[joint] - rig.rest_J3[rig.parent_J[joint]])


def _triple(point_3: F64) -> str:
    return " ".join(f"{value * CENTIMETRES:.6f}" for value in point_3)
