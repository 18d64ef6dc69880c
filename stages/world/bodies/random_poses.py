"""Random poses by kind (standing, sitting, dancing …), within the limits of the joints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from stages.world.bodies.poses import AnglePose, Arm, Leg
from stages.world.bodies.rotations import FRONT, LEFT, UP, axis_rotation, limb_direction, unit

Rng = np.random.Generator


def _direction(rng: Rng, mean: tuple[float, float, float], spread: float) -> tuple[float, float, float]:
    x, y, z = unit(np.asarray(mean, np.float32)) + rng.normal(0, spread, 3)
    return float(x), float(y), float(z)


def _hanging(rng: Rng) -> Arm:
    return Arm(
        toward=_direction(rng, (0.22, -1.0, 0.02), 0.10), elbow=float(rng.uniform(0.05, 0.7)),
        twist=float(rng.normal(0, 0.25)), turn=float(rng.normal(0, 0.4)), curl=float(rng.uniform(0.1, 0.8)),
    )


ARM_DIRECTIONS = (
    (0.2, -1, 0.1),
    (0.3, -0.8, 0.6),
    (0.3, 0.0, 1.0),
    (1.0, 0.0, 0.1),
    (0.5, 0.9, 0.3),
    (0.8, 0.6, 0.2),
    (0.3, -0.9, -0.4),
    (0.6, -0.5, 0.5),
    (-0.25, -0.4, 0.8),
    (0.9, -0.5, 0.0),
)


def _any_arm(rng: Rng) -> Arm:
    direction = ARM_DIRECTIONS[rng.integers(len(ARM_DIRECTIONS))]
    bent = rng.uniform(0.0, 2.3) if rng.random() < 0.6 else rng.uniform(0.0, 0.5)
    return Arm(
        toward=_direction(rng, direction, 0.25), elbow=float(bent), twist=float(rng.uniform(-1.0, 1.0)),
        turn=float(rng.uniform(-1.2, 1.2)), wrist=float(rng.normal(0, 0.3)), curl=float(rng.uniform(0.0, 1.3)),
    )


def _arms(rng: Rng, free: float) -> tuple[Arm, Arm]:
    """Two random arms; each is not hanging with probability `free`; one pair in five is symmetric."""
    left = _any_arm(rng) if rng.random() < free else _hanging(rng)
    right = _any_arm(rng) if rng.random() < free else _hanging(rng)
    return (left, left) if rng.random() < 0.2 else (left, right)


def _with_spine(pose: AnglePose, rng: Rng, bend: float = 0.0, spread: float = 0.12) -> AnglePose:
    """The pose with a random bend of spine and neck; `bend` is the mean forward bend."""
    spine = (bend + float(rng.normal(0, spread)), float(rng.normal(0, spread)), float(rng.normal(0, 1.5 * spread)))
    neck = (float(rng.normal(-0.3 * bend, 0.2)), float(rng.normal(0, 0.12)), float(rng.normal(0, 0.4)))
    return replace(pose, spine=spine, neck=neck)


def stand(rng: Rng) -> AnglePose:
    """Standing upright, weight on one leg or both."""
    left, right = _arms(rng, 0.5)
    width = float(rng.uniform(0.0, 0.3))
    relaxed = float(rng.uniform(0, 0.5)) if rng.random() < 0.4 else 0.03
    pose = AnglePose(
        left_arm=left, right_arm=right, left_leg=Leg(toward=(width, -1, float(rng.normal(0, 0.06))), knee=0.03),
        right_leg=Leg(toward=(width, -1, 0.5 * relaxed), knee=relaxed, ankle=-0.4 * relaxed),
    )
    return _with_spine(pose, rng)


def stride(phase: float, *, pace: float) -> AnglePose:
    """One phase (0..1) of a gait; the left foot lands at 0. `pace` is 0.5 for a stroll, 1 for a walk, 2 for a run."""
    legs, arms = [], []
    for offset in (0.0, 0.5):
        p = 2 * np.pi * ((phase + offset) % 1.0)
        reach = 0.42 * pace * float(np.cos(p)) + 0.10 * (pace - 0.8)
        lift = max(0.0, float(np.sin(p - np.pi + 0.4)))
        knee = 0.10 + (0.95 + 0.45 * max(0.0, pace - 1)) * min(pace, 1.3) * lift**1.5
        foot = -0.35 * pace * max(0.0, float(np.sin(p - np.pi + 1.0))) * (1 - lift) + 0.12 * max(0.0, float(np.cos(p)))
        legs.append(Leg(toward=(0.02, -1.0, reach), knee=knee, twist=0.12, ankle=foot))
        back = -0.55 * pace * float(np.cos(p))
        elbow = 0.25 + 0.55 * max(0.0, pace - 0.8) + 0.18 * max(0.0, back)
        arms.append(Arm(toward=(0.20, -1.0, back), elbow=elbow, curl=0.5))
    sway = 0.08 * pace * float(np.cos(2 * np.pi * phase))
    return AnglePose(
        left_arm=arms[0], right_arm=arms[1], left_leg=legs[0], right_leg=legs[1],
        spine=(0.04 + 0.12 * max(0.0, pace - 1), 0.0, sway), neck=(-0.03, 0.0, -sway),
    )


def walk_pose(rng: Rng) -> AnglePose:
    """A random phase of a walk or run, sometimes with other arms."""
    pose = stride(float(rng.random()), pace=float(rng.uniform(0.6, 2.0)))
    if rng.random() < 0.35:
        left, right = _arms(rng, 0.7)
        pose = replace(pose, left_arm=left, right_arm=right)
    return _with_spine(pose, rng, pose.spine[0], 0.06)


def sit(rng: Rng) -> AnglePose:
    """Sitting, without a seat."""
    left, right = _arms(rng, 0.6)
    legs = []
    for _ in range(2):
        thigh = _direction(rng, (rng.uniform(0.0, 0.5), rng.uniform(-0.3, 0.15), 1.0), 0.08)
        legs.append(Leg(toward=thigh, knee=float(rng.uniform(0.8, 1.9)), twist=float(rng.normal(0.1, 0.15))))
    return _with_spine(AnglePose(left_arm=left, right_arm=right, left_leg=legs[0], right_leg=legs[1]), rng, 0.15, 0.15)


def crouch(rng: Rng) -> AnglePose:
    """Crouching: deep flexion of hips, knees and back."""
    left, right = _arms(rng, 0.8)
    legs = []
    for _ in range(2):
        thigh = _direction(rng, (rng.uniform(0.1, 0.6), rng.uniform(-0.6, 0.4), 1.0), 0.1)
        legs.append(Leg(toward=thigh, knee=float(rng.uniform(1.6, 2.5)), ankle=float(rng.uniform(0.2, 0.5))))
    lean = axis_rotation(LEFT, float(rng.uniform(0.0, 0.6)))
    pose = AnglePose(left_arm=left, right_arm=right, left_leg=legs[0], right_leg=legs[1], tilt_33=lean)
    return _with_spine(pose, rng, float(rng.uniform(0.2, 0.9)))


def dance(rng: Rng) -> AnglePose:
    """Dancing: kicks, lunges, bows, raised arms, within the limits of the joints."""
    left, right = _arms(rng, 0.95)
    legs = []
    for _ in range(2):
        thigh = _direction(rng, (rng.uniform(-0.1, 0.7), -1.0, rng.uniform(-0.5, 1.0)), 0.15)
        knee = rng.uniform(0.0, 2.0) if rng.random() < 0.6 else rng.uniform(0, 0.3)
        twist, ankle = float(rng.normal(0.15, 0.25)), float(rng.normal(0, 0.3))
        legs.append(Leg(toward=thigh, knee=float(knee), twist=twist, ankle=ankle))
    tilt = axis_rotation(LEFT, float(rng.normal(0.1, 0.3))) @ axis_rotation(FRONT, float(rng.normal(0, 0.2)))
    pose = AnglePose(left_arm=left, right_arm=right, left_leg=legs[0], right_leg=legs[1], tilt_33=tilt)
    return _with_spine(pose, rng, 0.1, 0.3)


def random_joints(rng: Rng) -> AnglePose:
    """Random joint angles within their limits, independent for each limb; the trunk bent, turned and tilted."""
    legs = []
    for _ in range(2):
        forward, outward = float(rng.uniform(-0.9, 2.0)), float(np.clip(rng.normal(0.2, 0.3), -0.2, 1.1))
        knee = rng.uniform(0.0, 2.3) if rng.random() < 0.6 else rng.uniform(0, 0.3)
        twist, ankle = float(rng.normal(0.12, 0.25)), float(rng.normal(0, 0.3))
        legs.append(Leg(toward=limb_direction(forward, outward), knee=float(knee), twist=twist, ankle=ankle))
    arms = []
    for _ in range(2):
        x, y, z = unit(rng.normal(0, 1, 3).astype(np.float32)).tolist()
        arms.append(replace(_any_arm(rng), toward=(abs(x) if z < 0.3 else x, y, max(z, -0.6))))
    tilt = axis_rotation(LEFT, float(rng.uniform(-0.4, 1.1))) @ axis_rotation(FRONT, float(rng.normal(0, 0.25)))
    pose = AnglePose(left_arm=arms[0], right_arm=arms[1], left_leg=legs[0], right_leg=legs[1], tilt_33=tilt)
    return _with_spine(pose, rng, float(rng.uniform(-0.3, 0.9)), 0.25)


def bent_over(rng: Rng) -> AnglePose:
    """Bent over at the hips, mostly forward, on one leg or both; the other joints are random."""
    base, direction = random_joints(rng), float(rng.normal(0, 0.6))
    axis_3 = np.cos(direction) * LEFT + np.sin(direction) * FRONT
    tilt_33 = axis_rotation(axis_3.astype(np.float32), float(rng.uniform(0.5, 1.75)))
    x, y, z = (tilt_33.T @ -UP).tolist()
    legs = [base.left_leg, base.right_leg]
    first, both = int(rng.integers(2)), rng.random() < 0.4
    for side, outward in enumerate((x, -x)):
        if both or side == first:
            toward = _direction(rng, (max(outward, -0.2), y, z), 0.12)
            legs[side] = Leg(toward=toward, knee=float(rng.uniform(0, 0.5)), twist=float(rng.normal(0.12, 0.2)))
    return replace(base, left_leg=legs[0], right_leg=legs[1], tilt_33=tilt_33)


def lie(rng: Rng) -> AnglePose:
    """Lying on the back, the belly or a side."""
    base = (stand, dance, sit)[rng.integers(3)](rng)
    roll = axis_rotation(UP, float(rng.uniform(0, 2 * np.pi)))
    down = float(rng.choice([-1, 1])) * np.pi / 2 + float(rng.normal(0, 0.15))
    return replace(base, tilt_33=axis_rotation(LEFT, down) @ roll)


def on_the_floor(rng: Rng) -> AnglePose:
    """Sitting on the floor; some lean back on straight arms."""
    arms = []
    for _ in range(2):
        leans = rng.random() < 0.6
        arms.append(Arm(toward=_direction(rng, (0.4, -0.7, -0.6), 0.05), elbow=0.15) if leans else _hanging(rng))
    back, legs = float(rng.uniform(0.1, 0.35)), []
    for _ in range(2):
        knee = float(rng.uniform(0.1, 0.9))
        # Heels on the floor: the thigh rises by half the knee's flexion, less the lean of the trunk.
        toward = _direction(rng, (rng.uniform(0.05, 0.35), np.tan(0.5 * knee - back), 1.0), 0.03)
        legs.append(Leg(toward=toward, knee=knee))
    pose = AnglePose(
        left_arm=arms[0], right_arm=arms[1], left_leg=legs[0], right_leg=legs[1], tilt_33=axis_rotation(LEFT, -back)
    )
    return _with_spine(pose, rng, 0.2, 0.08)


def on_the_back(rng: Rng) -> AnglePose:
    """Lying stretched out, face up."""
    arms = [Arm(toward=_direction(rng, (0.5, -1.0, -0.05), 0.1), elbow=float(rng.uniform(0.05, 0.3))) for _ in range(2)]
    legs = [Leg(toward=_direction(rng, (0.12, -1.0, 0.03), 0.04), knee=float(rng.uniform(0, 0.3))) for _ in range(2)]
    return AnglePose(
        left_arm=arms[0], right_arm=arms[1], left_leg=legs[0], right_leg=legs[1],
        tilt_33=axis_rotation(LEFT, -np.pi / 2 + float(rng.normal(0, 0.03))),
    )


def spread_eagle(rng: Rng) -> AnglePose:
    """Arms up, legs apart, all joints straight."""
    arms = [Arm(toward=_direction(rng, (0.4, 1.0, 0.05), 0.03), elbow=0.05) for _ in range(2)]
    legs = [Leg(toward=_direction(rng, (0.6, -1.0, 0.0), 0.03), knee=0.05) for _ in range(2)]
    return AnglePose(left_arm=arms[0], right_arm=arms[1], left_leg=legs[0], right_leg=legs[1])


def on_hands(rng: Rng) -> AnglePose:
    """On hands and toes (a push-up, also with bent arms), or on hands and knees."""
    knees, bent = rng.random() < 0.5, float(rng.uniform(0.0, 1.4))
    lean = np.pi / 2 - float(rng.uniform(0.0, 0.3))
    arms = [Arm(toward=_direction(rng, (0.25, -np.cos(lean), np.sin(lean)), 0.06), elbow=bent) for _ in range(2)]
    toward = (0.12, -np.cos(lean), np.sin(lean)) if knees else (0.08, -1.0, 0.0)
    knee, ankle = (np.pi / 2, -0.9) if knees else (0.05, 0.3)
    legs = [Leg(toward=_direction(rng, toward, 0.06), knee=float(knee), ankle=ankle) for _ in range(2)]
    pose = AnglePose(
        left_arm=arms[0], right_arm=arms[1], left_leg=legs[0], right_leg=legs[1], tilt_33=axis_rotation(LEFT, lean)
    )
    return _with_spine(pose, rng, 0.0, 0.08)


def upside_down(rng: Rng) -> AnglePose:
    """Handstands and cartwheels."""
    arms = [Arm(toward=_direction(rng, (0.3, 1.0, 0.1), 0.15), elbow=float(rng.uniform(0, 0.4))) for _ in range(2)]
    base = dance(rng)
    return replace(
        base, left_arm=arms[0], right_arm=arms[1], tilt_33=axis_rotation(FRONT, np.pi + float(rng.normal(0, 0.5)))
    )


RANDOM_POSES: dict[str, Callable[[Rng], AnglePose]] = {
    "stand": stand,
    "walk": walk_pose,
    "sit": sit,
    "crouch": crouch,
    "dance": dance,
    "lie": lie,
    "upside_down": upside_down,
    "random_joints": random_joints,
    "bent_over": bent_over,
    "floor": on_the_floor,
    "back": on_the_back,
    "spread_eagle": spread_eagle,
    "on_hands": on_hands,
}
"""Generators of random poses by name."""
