"""A walk whose feet do not slide: each foot lands once per cycle and stays in place until its toes leave the floor.

The legs follow from hip and ankle positions (two-bone inverse kinematics in the plane of the leg).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.body.open_body import load_body
from stages.world.bodies.people import DressedBody, Mesh, Person, pose_dressed
from stages.world.bodies.poses import AnglePose, Arm, Leg

STANCE = 0.62  # share of the cycle in which a foot is on the floor

STRIKE, PUSH = 0.10, 0.40  # shares of the cycle: end of the heel strike, start of the push-off


@dataclass(frozen=True, slots=True, kw_only=True)
class Gait:
    """The gait of one body; metres, seconds.

    Attributes:
        thigh, shin: lengths of the bones.
        rest_thigh, rest_shin: their forward angle in rest pose, radians.
        ankle: height of the ankle above the floor.
        heel, ball: distances of the ankle from the heel and from the ball of the foot.
        hip_over_root: height of the hip joints above the root.
        stride: length of one cycle (two steps).
        period: duration of one cycle.
    """

    thigh: float
    shin: float
    rest_thigh: float
    rest_shin: float
    ankle: float
    heel: float
    ball: float
    hip_over_root: float
    stride: float
    period: float

    @property
    def speed(self) -> float:
        """Metres per second."""
        return self.stride / self.period


def gait_of(person: Person, *, briskness: float = 1.0) -> Gait:
    """The gait of a body. The stride grows with leg length; the period grows with its square root, as a pendulum's."""
    body = load_body()
    _, head = body.rest(person.score_C)
    hip, knee, ankle, toe = (head[body.bone(n)] for n in ("upperleg01.L", "lowerleg01.L", "foot.L", "toe3-1.L"))
    thigh, shin = knee - hip, ankle - knee
    length = float(np.linalg.norm(thigh) + np.linalg.norm(shin))
    return Gait(
        thigh=float(np.linalg.norm(thigh)),
        shin=float(np.linalg.norm(shin)),
        rest_thigh=float(np.arctan2(thigh[2], -thigh[1])),
        rest_shin=float(np.arctan2(shin[2], -shin[1])),
        ankle=float(ankle[1]),
        heel=0.055 * length / 0.9,
        ball=float(toe[2] - ankle[2]),
        hip_over_root=float(hip[1] - head[0, 1]),
        stride=1.32 * length * briskness,
        period=1.08 * float(np.sqrt(length / 0.9)) / briskness**0.5,
    )


def foot_position(gait: Gait, phase: float) -> tuple[float, float, float]:
    """Position of the ankle ahead of the hip and above the floor (metres), and pitch of the foot (radians, toes up).

    Phase 0 is the heel strike. During stance the foot moves back relative to the hip as fast as the body moves ahead.
    """
    phase = phase % 1.0
    half = STANCE / 2
    if phase < STANCE:
        sole = (half - phase) * gait.stride
        if phase < STRIKE:
            pitch = 0.32 * (1 - phase / STRIKE) ** 2
            return _about_heel(gait, sole, pitch)
        pitch = -0.95 * max(0.0, (phase - PUSH) / (STANCE - PUSH)) ** 1.6
        return _about_ball(gait, sole, pitch)
    start, end = _about_ball(gait, -half * gait.stride, -0.95), _about_heel(gait, half * gait.stride, 0.32)
    share = (phase - STANCE) / (1 - STANCE)
    ease = share - np.sin(2 * np.pi * share) / (2 * np.pi)
    lift = 0.045 * gait.stride * float(np.sin(np.pi * share) ** 2)
    return (
        start[0] + (end[0] - start[0]) * float(ease),
        start[1] + (end[1] - start[1]) * float(share**0.7) + lift,
        start[2] + (end[2] - start[2]) * float(np.sin(np.pi / 2 * share)),
    )


def _about_heel(gait: Gait, sole: float, pitch: float) -> tuple[float, float, float]:
    """The ankle when the foot is rotated about the edge of its heel; `sole` is the ankle's position on a flat foot."""
    c, s = float(np.cos(pitch)), float(np.sin(pitch))
    return sole - gait.heel + gait.heel * c - gait.ankle * s, gait.heel * s + gait.ankle * c, pitch


def _about_ball(gait: Gait, sole: float, pitch: float) -> tuple[float, float, float]:
    """The ankle when the foot is rotated about its ball."""
    c, s = float(np.cos(pitch)), float(np.sin(pitch))
    return sole + gait.ball - gait.ball * c - gait.ankle * s, -gait.ball * s + gait.ankle * c, pitch


def hip_height(gait: Gait, phase: float) -> float:
    """Height of the hips: highest at mid-stance, never beyond the reach of a leg."""
    reach = 0.985 * (gait.thigh + gait.shin)
    heights = []
    for offset in (0.0, 0.5):
        p = (phase + offset) % 1.0
        if p < STANCE:
            ahead, up, _ = foot_position(gait, p)
            heights.append(up + float(np.sqrt(max(reach**2 - ahead**2, 0.01))))
    smooth = 0.975 * (gait.thigh + gait.shin) + gait.ankle - 0.002 - 0.016 * float(np.cos(4 * np.pi * (phase - 0.06)))
    return min(smooth, *heights) if heights else smooth


def leg_reaching(gait: Gait, ahead: float, below: float, pitch: float) -> Leg:
    """The leg whose ankle is `ahead` of and `below` the hip (metres), with the foot at a pitch (radians)."""
    length = float(np.clip(np.hypot(ahead, below), 0.3, 0.999 * (gait.thigh + gait.shin)))
    knee = np.pi - float(np.arccos((gait.thigh**2 + gait.shin**2 - length**2) / (2 * gait.thigh * gait.shin)))
    inside = float(np.arccos(np.clip((gait.thigh**2 + length**2 - gait.shin**2) / (2 * gait.thigh * length), -1, 1)))
    lean = float(np.arctan2(ahead, below)) + inside
    # Rotations about the left axis add up along the leg; the ankle supplies the rest of the foot's pitch.
    rotation = -(lean - gait.rest_thigh) + knee - (gait.rest_thigh - gait.rest_shin)
    return Leg(
        toward=(0.015, -float(np.cos(lean)), float(np.sin(lean))), knee=knee, twist=0.10, ankle=rotation + pitch,
        toes=max(0.0, -0.9 * pitch),
    )


def walk(gait: Gait, t: float) -> tuple[AnglePose, float]:
    """The pose at a time (seconds), and the height of the root; the body moves at `gait.speed`."""
    phase = t / gait.period
    height = hip_height(gait, phase)
    legs, arms = [], []
    for offset in (0.0, 0.5):
        ahead, up, pitch = foot_position(gait, phase + offset)
        legs.append(leg_reaching(gait, ahead, height - up, pitch))
        back = -0.42 * float(np.cos(2 * np.pi * (phase + offset)))
        arms.append(Arm(toward=(0.14, -1.0, back + 0.05), elbow=0.42 + 0.35 * max(0.0, back), twist=0.1, curl=0.55))
    turn = 0.10 * float(np.cos(2 * np.pi * phase))
    nod = 0.015 * float(np.cos(4 * np.pi * phase))
    pose = AnglePose(
        left_arm=arms[0], right_arm=arms[1], left_leg=legs[0], right_leg=legs[1],
        spine=(0.035 + nod, 0.02 * float(np.sin(2 * np.pi * phase)), turn), neck=(-0.03 - nod, 0.0, -turn),
    )
    return pose, height - gait.hip_over_root


def walking_mesh(rest: DressedBody, gait: Gait, start_2: tuple[float, float], yaw: float, t: float) -> Mesh:
    """The mesh at time `t` of a person that walks from `start_2` (x, z) at t = 0 along `yaw` (0 = toward +z)."""
    pose, height = walk(gait, t)
    distance = gait.speed * t
    root = np.array([start_2[0] + distance * np.sin(yaw), height, start_2[1] + distance * np.cos(yaw)], np.float32)
    return pose_dressed(rest, pose, yaw, root)
