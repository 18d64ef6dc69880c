"""People in motion: walking, running, dancing …, with feet that do not slide on the floor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Protocol

import numpy as np

from models.arrays import F32, Float, Index
from models.body.open_body import OpenBody, forward_kinematics, load_body, skin
from stages.world.bodies.people import DressedBody, Mesh, Person, dressed_rest_body, pose_dressed
from stages.world.bodies.pose_interpolation import mean_pose, pose_on_spline, spline_weights
from stages.world.bodies.poses import AnglePose, Arm, bone_rotations
from stages.world.bodies.random_poses import RANDOM_POSES, stride
from stages.world.bodies.rotations import FRONT, axis_rotation
from stages.world.bodies.walking import Gait, gait_of, walking_mesh

Rng = np.random.Generator

ROOT_INTERVAL = 0.04
"""Seconds between computed positions of the root; between them it is interpolated."""

CONTACT_HEIGHT = 0.012
"""Metres above the lowest point of the body within which a vertex is in contact with the floor."""


class Actor(Protocol):
    """A person in a clip."""

    @property
    def person(self) -> Person:
        """The person: body shape and clothes."""

    def mesh(self, t: float) -> Mesh:
        """The posed mesh at a time (seconds from the middle of the clip)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walker:
    """A person walks straight on.

    Attributes:
        middle_2: position (x, z) at t = 0, metres.
        yaw: heading, radians.
        ahead: phase of the walk cycle at t = 0, seconds.
    """

    person: Person
    rest: DressedBody
    gait: Gait
    middle_2: tuple[float, float]
    yaw: float
    ahead: float

    def position(self, t: float) -> tuple[float, float]:
        """Position on the floor, (x, z)."""
        distance = self.gait.speed * t
        x, z = self.middle_2
        return x + distance * float(np.sin(self.yaw)), z + distance * float(np.cos(self.yaw))

    def mesh(self, t: float) -> Mesh:
        """The walking body."""
        return walking_mesh(self.rest, self.gait, self.position(-self.ahead), self.yaw, t + self.ahead)


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """A motion without its path: pose, heading (radians) and height above the floor (metres) as functions of time."""

    pose: Callable[[float], AnglePose]
    yaw: Callable[[float], float]
    height_above_floor: Callable[[float], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundedActor:
    """A person whose path follows from a motion: what touches the floor does not slide.

    Attributes:
        first: time of the first root position, seconds.
        root_T3: positions of the root at `first`, `first` + ROOT_INTERVAL …
    """

    person: Person
    rest: DressedBody
    motion: Motion
    first: float
    root_T3: F32

    def mesh(self, t: float) -> Mesh:
        """The body in the pose and at the position of that time."""
        at = float(np.clip((t - self.first) / ROOT_INTERVAL, 0, len(self.root_T3) - 1.001))
        low, share = int(at), np.float32(at - int(at))
        root_3 = (1 - share) * self.root_T3[low] + share * self.root_T3[low + 1]
        return pose_dressed(self.rest, self.motion.pose(t), self.motion.yaw(t), root_3)


def grounded_actor(person: Person, motion: Motion, middle_2: tuple[float, float], half: float) -> GroundedActor:
    """A person at (x, z) at t = 0, in motion from −`half` to `half` seconds and a little longer."""
    rest = dressed_rest_body(person)
    reach = int(np.ceil(half / ROOT_INTERVAL)) + 2
    times = np.arange(-reach, reach + 1) * ROOT_INTERVAL
    root_T3 = _root_positions(rest, motion, times.tolist())
    root_T3[:, [0, 2]] += np.asarray(middle_2, np.float32) - root_T3[reach, [0, 2]]
    return GroundedActor(person=person, rest=rest, motion=motion, first=float(times[0]), root_T3=root_T3)


def _root_positions(rest: DressedBody, motion: Motion, times: list[float]) -> F32:
    """Positions of the root (T, 3), such that the lowest point is on (or above) the floor and contacts do not slide."""
    body, chosen = _contact_vertices()
    few = replace(body, weight_VB=body.weight_VB[chosen])
    zero_3, few_S3 = np.zeros(3, np.float32), rest.vertex_V3[chosen]
    root_T3 = np.zeros((len(times), 3), np.float32)
    before_S3, contact_before_S, shift_2 = few_S3, np.zeros(len(chosen)), np.zeros(2, np.float32)
    for k, t in enumerate(times):
        turn_B33 = bone_rotations(body, motion.pose(t), motion.yaw(t))
        turned, placed = forward_kinematics(body, rest.head_B3, turn_B33, zero_3)
        now_S3 = skin(few, few_S3, rest.head_B3, turned, placed)
        low = float(now_S3[:, 1].min())
        contact_S = np.exp(-(now_S3[:, 1] - low) / CONTACT_HEIGHT)
        height = motion.height_above_floor(t)
        both_S = contact_S * contact_before_S
        if k and height < CONTACT_HEIGHT:
            shift_2 = -(both_S[:, None] * (now_S3 - before_S3)[:, [0, 2]]).sum(axis=0) / max(both_S.sum(), 1e-9)
        root_T3[k] = [0, height - low, 0]
        if k:
            root_T3[k, [0, 2]] = root_T3[k - 1, [0, 2]] + shift_2
        before_S3, contact_before_S = now_S3, contact_S
    return root_T3


@cache
def _contact_vertices() -> tuple[OpenBody, Index]:
    """The body, and the vertices tested for contact with the floor: many of feet and hands, a few of the rest."""
    body = load_body()
    ends = np.unique(body.face_F3[np.isin(body.chart_F, (3, 4, 5, 6))])[::2]
    return body, np.union1d(ends, np.arange(0, len(body.twin_V), 12))


def _on_floor(_: float) -> float:
    return 0.0


def in_place(pose: Callable[[float], AnglePose], yaw: float) -> Motion:
    """A motion on the spot with a fixed heading."""
    return Motion(pose=pose, yaw=lambda t: yaw, height_above_floor=_on_floor)


def running(person: Person, rng: Rng, yaw: float) -> Motion:
    """A straight run in which both feet leave the floor between steps."""
    pace = float(rng.uniform(1.5, 2.0))
    period, phase = 0.72 * gait_of(person).period / pace**0.3, float(rng.random())

    def height(t: float) -> float:
        swing = float(np.sin(4 * np.pi * (t / period + phase) + 0.6))
        return 0.07 * max(0.0, swing) ** 2

    return Motion(pose=lambda t: stride(t / period + phase, pace=pace), yaw=lambda t: yaw, height_above_floor=height)


def _through_keys(keys: list[AnglePose], yaws: Float, half: float, beat: float) -> Motion:
    """A motion through key poses and headings, `beat` seconds apart."""

    def key(t: float) -> float:
        return (t + half) / beat + 1

    def yaw(t: float) -> float:
        first, weights = spline_weights(key(t), len(yaws))
        return float(weights @ yaws[first : first + 4])

    return Motion(pose=lambda t: pose_on_spline(keys, key(t)), yaw=yaw, height_above_floor=_on_floor)


def _through_random_poses(rng: Rng, kinds: tuple[str, ...], half: float, beat: float, turning: float) -> Motion:
    """A motion through random poses of the kinds; the heading is a random walk (`turning` radians per beat)."""
    count = int(np.ceil(2 * half / beat)) + 6
    keys = [RANDOM_POSES[str(rng.choice(kinds))](rng) for _ in range(count)]
    yaws = rng.uniform(-np.pi, np.pi) + np.cumsum(rng.normal(0, turning, count))
    return _through_keys(keys, yaws, half, beat)


def dancing(rng: Rng, half: float) -> Motion:
    """Dancing: from one dance pose to the next."""
    return _through_random_poses(
        rng, ("dance", "dance", "dance", "walk", "stand"), half, float(rng.uniform(0.35, 0.7)), 0.4
    )


def exercising(rng: Rng, half: float) -> Motion:
    """Exercise: up and down, reaching and bending."""
    return _through_random_poses(rng, ("stand", "crouch", "stand", "dance"), half, float(rng.uniform(0.6, 1.0)), 0.15)


def resting(rng: Rng, half: float) -> Motion:
    """Sitting down on the floor, lying, and getting up, again and again."""
    beat = float(rng.uniform(0.4, 0.6))
    standing, crouched, seated, lying = (RANDOM_POSES[kind](rng) for kind in ("stand", "crouch", "floor", "back"))
    # A cubic B-spline rests where three keys are equal.
    cycle = [standing, standing, crouched, seated, seated, lying, lying, lying, seated, seated, crouched]
    first, count = int(rng.integers(len(cycle))), int(np.ceil(2 * half / beat)) + 6
    keys = [cycle[(first + k) % len(cycle)] for k in range(count)]
    yaws = rng.uniform(-np.pi, np.pi) + np.cumsum(rng.normal(0, 0.1, count))
    return _through_keys(keys, yaws, half, beat)


def cartwheeling(rng: Rng, half: float) -> Motion:
    """Cartwheels with pauses between them."""
    standing, wheel = RANDOM_POSES["stand"](rng), RANDOM_POSES["spread_eagle"](rng)
    period, turning_share = float(rng.uniform(3.0, 3.8)), float(rng.uniform(0.7, 0.85))
    direction, start = float(rng.choice([-1, 1])), float(rng.random())
    yaw = float(rng.uniform(-np.pi, np.pi))

    def pose(t: float) -> AnglePose:
        share = min(((t / period + start) % 1.0) / turning_share, 1.0)
        turned = share - float(np.sin(2 * np.pi * share)) / (2 * np.pi)
        spread = float(np.clip(2.5 * np.sin(np.pi * share), 0, 1))
        limbs = mean_pose((standing, wheel), (1 - spread, spread))
        return replace(limbs, tilt_33=axis_rotation(FRONT, 2 * np.pi * direction * turned))

    return in_place(pose, yaw)


def turning(rng: Rng, half: float) -> Motion:
    """Turning on the spot, all the way around, with moving arms."""
    count, beat = int(np.ceil(2 * half / 0.8)) + 6, 0.8
    keys = [RANDOM_POSES["stand"](rng) for _ in range(count)]
    step = float(rng.choice([-1, 1]) * rng.uniform(0.5, 1.3))
    return _through_keys(keys, rng.uniform(-np.pi, np.pi) + step * np.arange(count), half, beat)


def idle(rng: Rng, half: float) -> Motion:
    """Standing: shifting weight, looking around; some people wave."""
    motion = _through_random_poses(rng, ("stand",), half, float(rng.uniform(1.0, 1.8)), 0.1)
    waves, rate = rng.random() < 0.4, float(rng.uniform(0.8, 1.6))

    def pose(t: float) -> AnglePose:
        calm = motion.pose(t)
        if not waves:
            return calm
        bend = 1.6 + 0.5 * float(np.sin(2 * np.pi * rate * t))
        return replace(calm, right_arm=Arm(toward=(0.8, 0.5, 0.3), elbow=bend, twist=0.3, curl=0.1))

    return replace(motion, pose=pose)


def random_walker(person: Person, rng: Rng, middle_2: tuple[float, float], yaw: float) -> Walker:
    """A straight walk with random speed and phase."""
    gait = gait_of(person, briskness=float(rng.uniform(0.85, 1.1)))
    return Walker(
        person=person, rest=dressed_rest_body(person), gait=gait, middle_2=middle_2, yaw=yaw,
        ahead=float(rng.random()) * gait.period,
    )


MOTIONS: dict[str, Callable[[Rng, float], Motion]] = {
    "dance": dancing,
    "exercise": exercising,
    "turn": turning,
    "idle": idle,
    "rest": resting,
    "cartwheel": cartwheeling,
}
"""Motions by name: (rng, half the duration in seconds) → the motion."""


def random_actor(kind: str, person: Person, rng: Rng, middle_2: tuple[float, float], yaw: float, half: float) -> Actor:
    """A person who walks or runs along `yaw`, or moves as `MOTIONS[kind]` says; at (x, z) at t = 0."""
    if kind == "walk":
        return random_walker(person, rng, middle_2, yaw)
    motion = running(person, rng, yaw) if kind == "run" else MOTIONS[kind](rng, half)
    return grounded_actor(person, motion, middle_2, half)
