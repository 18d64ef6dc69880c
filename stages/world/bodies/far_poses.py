"""Poses of the world `far`: activities as tables of joint angles, none of them shared with `random_poses`."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from models.arrays import F64
from stages.world.bodies.poses import AnglePose, Arm, Leg
from stages.world.bodies.rotations import FRONT, LEFT, UP, axis_rotation, limb_direction

Rng = np.random.Generator

Floats = F64


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """Mean joint angles of an activity, and their standard deviation, degrees.

    Attributes:
        arms: of each arm flexion (forward and up), abduction (sideways and up), elbow, twist.
        legs: of each leg flexion, abduction, knee, ankle.
        trunk: bend forward, bend to the side and turn of the spine.
        lean: forward tilt of the whole body.
        spread: standard deviation of the angles.
    """

    arms: tuple[tuple[float, float, float, float], tuple[float, float, float, float]]
    legs: tuple[tuple[float, float, float, float], tuple[float, float, float, float]]
    trunk: tuple[float, float, float] = (5, 0, 0)
    lean: float = 0
    spread: float = 11


_DOWN = (8, 8, 15, 0)

ACTIVITIES: dict[str, Activity] = {
    "throw": Activity(
        arms=((70, 20, 25, 0), (-20, 95, 95, -40)), legs=((35, 6, 25, 5), (-20, 8, 15, 0)), trunk=(0, -5, -30)
    ),
    "kick": Activity(
        arms=((20, 60, 25, 0), (-25, 45, 30, 0)), legs=((-8, 4, 12, 8), (75, 6, 18, -20)), trunk=(12, 0, 10), lean=-12
    ),
    "climb": Activity(arms=((150, 15, 30, 0), (95, 25, 80, 0)), legs=((70, 25, 95, 10), (-5, 10, 10, 15))),
    "kneel": Activity(
        arms=((25, 10, 45, 20), (25, 10, 45, 20)), legs=((85, 8, 90, 0), (-5, 5, 85, -40)), trunk=(10, 0, 0)
    ),
    "bow": Activity(
        arms=((60, 5, 20, 0), (60, 5, 20, 0)), legs=((12, 5, 6, 0), (12, 5, 6, 0)), trunk=(55, 0, 0), lean=25
    ),
    "ride": Activity(
        arms=((65, 10, 25, 10), (65, 10, 25, 10)), legs=((95, 8, 95, 0), (45, 8, 45, 0)), trunk=(25, 0, 0), lean=20
    ),
    "row": Activity(arms=((45, 15, 85, 30), (45, 15, 85, 30)), legs=((80, 6, 60, 0), (80, 6, 60, 0)), lean=-8),
    "stretch": Activity(
        arms=((10, 160, 10, 0), (5, 25, 70, 30)), legs=((0, 18, 4, 0), (0, 18, 4, 0)), trunk=(0, -28, 0)
    ),
    "carry": Activity(arms=((35, 5, 80, 25), (35, 5, 80, 25)), legs=((22, 4, 15, 0), (-14, 4, 18, 0)), lean=-4),
    "march": Activity(arms=((70, 5, 10, 0), (-35, 5, 5, 0)), legs=((85, 4, 80, 0), (-4, 3, 4, 0))),
    "squat": Activity(arms=((85, 8, 8, 0), (85, 8, 8, 0)), legs=((95, 18, 105, 18), (95, 18, 105, 18)), lean=22),
    "phone": Activity(arms=(_DOWN, (40, 25, 145, -10)), legs=((2, 6, 3, 0), (8, 8, 14, 0)), trunk=(4, 3, 0)),
    "split": Activity(arms=((0, 88, 8, 0), (0, 88, 8, 0)), legs=((80, 6, 5, -15), (-62, 6, 8, -25)), lean=4),
    "balance": Activity(arms=((0, 85, 10, 0), (0, 85, 10, 0)), legs=((80, 5, 6, 0), (-14, 5, 6, -25)), lean=75),
}
"""Activities by name; half of the drawn poses are mirrored."""


def far_pose(rng: Rng) -> AnglePose:
    """A random pose of a random activity."""
    chosen = ACTIVITIES[str(rng.choice(list(ACTIVITIES)))]
    bend, side, turn = np.radians(np.asarray(chosen.trunk) + rng.normal(0, chosen.spread * 0.7, 3)).tolist()
    arms = [_arm(rng, angles, chosen.spread) for angles in chosen.arms]
    legs = [_leg(rng, angles, chosen.spread) for angles in chosen.legs]
    nod, tip, look = np.radians(rng.normal(0, (12, 8, 24))).tolist()
    lean = axis_rotation(LEFT, float(np.radians(chosen.lean + rng.normal(0, 6))))
    pose = AnglePose(
        left_arm=arms[0], right_arm=arms[1], left_leg=legs[0], right_leg=legs[1], spine=(bend, side, turn),
        neck=(nod, tip, look),
        tilt_33=(lean @ axis_rotation(FRONT, float(np.radians(rng.normal(0, 4))))).astype(np.float32),
    )
    if rng.random() < 0.05:
        pose = replace(
            pose,
            tilt_33=(axis_rotation(LEFT, -np.pi / 2) @ axis_rotation(UP, rng.uniform(0, 6.28))).astype(np.float32),
        )
    return _mirrored(pose) if rng.random() < 0.5 else pose


def _mirrored(pose: AnglePose) -> AnglePose:
    (bend, side, turn), (nod, tip, look) = pose.spine, pose.neck
    return replace(
        pose, left_arm=pose.right_arm, right_arm=pose.left_arm, left_leg=pose.right_leg, right_leg=pose.left_leg,
        spine=(bend, -side, -turn), neck=(nod, -tip, -look),
    )


def _noisy(rng: Rng, angles: tuple[float, ...], spread: float, low: Floats, high: Floats) -> list[float]:
    return np.radians(np.clip(np.asarray(angles) + rng.normal(0, spread, len(angles)), low, high)).tolist()


def _arm(rng: Rng, angles: tuple[float, float, float, float], spread: float) -> Arm:
    low, high = np.array([-50.0, -10, 0, -60]), np.array([170.0, 165, 145, 60])
    flexion, abduction, elbow, twist = _noisy(rng, angles, spread, low, high)
    return Arm(
        toward=limb_direction(flexion, abduction), elbow=elbow, twist=twist, turn=float(rng.normal(0, 0.5)),
        wrist=float(rng.normal(0, 0.25)), curl=float(rng.beta(1.5, 2) * 1.4),
    )


def _leg(rng: Rng, angles: tuple[float, float, float, float], spread: float) -> Leg:
    low, high = np.array([-65.0, -5, 0, -45]), np.array([120.0, 60, 140, 30])
    flexion, abduction, knee, ankle = _noisy(rng, angles, spread * 0.8, low, high)
    return Leg(toward=limb_direction(flexion, abduction), knee=knee, ankle=ankle, twist=float(rng.normal(0.12, 0.12)))
