"""Poses as joint angles, and the bone rotations that they give on the open body.

Limb directions are in the frame of the torso (x left, y up, z front). Both sides are given as if the limb were a left
one; the right side is mirrored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np

from models.arrays import F32
from models.body.open_body import OpenBody, load_body
from stages.world.bodies.rotations import FRONT, LEFT, UP, axis_rotation, rotation_between, unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One arm, given as a left one; angles in radians.

    Attributes:
        toward: direction of the upper arm.
        elbow: flexion, 0 = straight … 2.5.
        twist: rotation of the upper arm about its axis.
        turn: rotation of the forearm (pronation).
        wrist: flexion toward the palm.
        curl: flexion of every finger joint.
    """

    toward: tuple[float, float, float] = (0.25, -1.0, 0.05)
    elbow: float = 0.25
    twist: float = 0.0
    turn: float = 0.0
    wrist: float = 0.0
    curl: float = 0.35


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One leg, given as a left one: thigh direction, flexion of the knee, outward twist, lift of foot and toes."""

    toward: tuple[float, float, float] = (0.06, -1.0, 0.0)
    knee: float = 0.05
    twist: float = 0.1
    ankle: float = 0.0
    toes: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AnglePose:
    """The pose of a whole body as angles. Spine and neck have three: bend forward, bend to the left, turn to the left.

    Attributes:
        tilt_33: rotation of the root (lying, leaning, upside-down), before the heading is applied.
    """

    left_arm: Arm = field(default_factory=Arm)
    right_arm: Arm = field(default_factory=Arm)
    left_leg: Leg = field(default_factory=Leg)
    right_leg: Leg = field(default_factory=Leg)
    spine: tuple[float, float, float] = (0.0, 0.0, 0.0)
    neck: tuple[float, float, float] = (0.0, 0.0, 0.0)
    tilt_33: F32 = field(default_factory=lambda: np.eye(3, dtype=np.float32))


@dataclass(frozen=True, slots=True, kw_only=True)
class BonePose:
    """A pose given bone by bone, as captured motions give it.

    Attributes:
        turn_B33: rotation of every bone relative to its parent; the root faces +z.
    """

    turn_B33: F32


Pose = AnglePose | BonePose


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limbs:
    """Rest directions and hinge axes of the left limbs, measured on the mean body."""

    upper_arm: F32
    forearm: F32
    elbow_axis: F32
    rest_elbow: float
    palm_axis: F32
    thigh: F32
    shin: F32
    finger_axes: dict[str, F32]


@cache
def _limbs() -> _Limbs:
    body = load_body()
    head = {name: body.bone_mean_B3[b] for b, name in enumerate(body.bones)}
    upper = unit(head["lowerarm01.L"] - head["upperarm01.L"])
    fore = unit(head["wrist.L"] - head["lowerarm01.L"])
    index, little = head["finger2-1.L"] - head["wrist.L"], head["finger5-1.L"] - head["wrist.L"]
    palm = unit(np.cross(index, little))
    if (head["finger3-3.L"] - head["finger3-1.L"]) @ palm < 0:
        palm = -palm
    axes = {}
    for finger in range(1, 6):
        along = unit(head[f"finger{finger}-3.L"] - head[f"finger{finger}-1.L"])
        axes[f"finger{finger}"] = unit(np.cross(along, palm))
    return _Limbs(
        upper_arm=upper,
        forearm=fore,
        elbow_axis=unit(np.cross(upper, fore)),
        rest_elbow=float(np.arccos(np.clip(upper @ fore, -1, 1))),
        palm_axis=unit(np.cross(fore, palm)),
        thigh=unit(head["lowerleg01.L"] - head["upperleg01.L"]),
        shin=unit(head["foot.L"] - head["lowerleg01.L"]),
        finger_axes=axes,
    )


def bone_rotations(body: OpenBody, pose: Pose, yaw: float) -> F32:
    """(B, 3, 3) rotation of every bone relative to its parent; the root's includes `yaw` (0 = facing +z)."""
    if isinstance(pose, BonePose):
        turn_B33 = pose.turn_B33.copy()
        turn_B33[body.bone("root")] = axis_rotation(UP, yaw) @ turn_B33[body.bone("root")]
        return turn_B33
    turn_B33 = np.tile(np.eye(3, dtype=np.float32), (len(body.bones), 1, 1))
    turn_B33[body.bone("root")] = axis_rotation(UP, yaw) @ pose.tilt_33
    _bend_column(body, turn_B33, ("spine05", "spine04", "spine03", "spine02", "spine01"), pose.spine)
    _bend_column(body, turn_B33, ("neck01", "neck02", "neck03", "head"), pose.neck)
    for side, arm, leg in (("L", pose.left_arm, pose.left_leg), ("R", pose.right_arm, pose.right_leg)):
        for name, matrix in {**_arm_turns(arm), **_leg_turns(leg)}.items():
            turn_B33[body.bone(f"{name}.{side}")] = matrix if side == "L" else mirrored_turn(matrix)
    return turn_B33


def mirrored_turn(matrix_33: F32) -> F32:
    """The rotation of a right bone that mirrors that of the left one."""
    flip = np.array([-1, 1, 1], np.float32)
    return matrix_33 * flip[:, None] * flip[None]


def _bend_column(body: OpenBody, turn_B33: F32, names: tuple[str, ...], angles: tuple[float, float, float]) -> None:
    forward, side, turn = (angle / len(names) for angle in angles)
    each = axis_rotation(UP, turn) @ axis_rotation(FRONT, -side) @ axis_rotation(LEFT, forward)
    for name in names:
        turn_B33[body.bone(name)] = each


def _arm_turns(arm: Arm) -> dict[str, F32]:
    limb = _limbs()
    whole = rotation_between(limb.upper_arm, unit(arm.toward)) @ axis_rotation(limb.upper_arm, arm.twist)
    # The collar bone takes a part of the raise of the arm.
    lift = float(np.clip(unit(arm.toward)[1] + 0.3, 0, 1.3)) * 0.35
    collar = axis_rotation(FRONT, lift)
    return {
        "clavicle": collar,
        "upperarm01": collar.T @ whole,
        "lowerarm01": axis_rotation(limb.elbow_axis, arm.elbow - limb.rest_elbow),
        "lowerarm02": forearm_turn(arm.turn * 0.5),
        "wrist": forearm_turn(arm.turn * 0.5) @ axis_rotation(limb.palm_axis, arm.wrist),
        **finger_turns(arm.curl),
    }


def finger_turns(curl: float) -> dict[str, F32]:
    """Rotations of the joints of a left hand's fingers, each of which is flexed by `curl` radians."""
    turns = {}
    for finger, axis in _limbs().finger_axes.items():
        joints = (2, 3) if finger == "finger1" else (1, 2, 3)
        for joint in joints:
            turns[f"{finger}-{joint}"] = axis_rotation(axis, (curl - 0.25) * (0.6 if finger == "finger1" else 1.0))
    return turns


def forearm_turn(angle: float) -> F32:
    """Rotation of a left forearm about its axis (pronation)."""
    return axis_rotation(_limbs().forearm, angle)


def _leg_turns(leg: Leg) -> dict[str, F32]:
    limb = _limbs()
    return {
        "upperleg01": rotation_between(limb.thigh, unit(leg.toward)) @ axis_rotation(limb.thigh, -leg.twist),
        "lowerleg01": axis_rotation(LEFT, leg.knee) @ rotation_between(limb.shin, limb.thigh),
        "foot": axis_rotation(LEFT, -leg.ankle),
        **{f"toe{toe}-1": axis_rotation(LEFT, -leg.toes) for toe in range(1, 6)},
    }
