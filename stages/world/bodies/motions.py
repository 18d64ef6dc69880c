"""People in motion: walking, running, dancing …, with feet that do not slide on the floor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Protocol

import numpy as np
import numpy.typing as npt

from models.arrays import F32
from models.surface.body import OpenBody, forward_kinematics, load_body, skin
from stages.world.bodies.people import Dressed, Mesh, Person, dressed_rest, pose_dressed
from stages.world.bodies.pose_interpolation import along, mixed, spline_weights
from stages.world.bodies.poses import Arm, Pose, bone_rotations
from stages.world.bodies.random_poses import POSES, stride
from stages.world.bodies.rotations import FRONT, about
from stages.world.bodies.walking import Gait, gait_of, walking

Rng = np.random.Generator

STEP = 0.04
"""Seconds between the places that are worked out; between them they are interpolated."""

TOUCH = 0.012
"""Metres over the lowest point of the body within which a part of it holds on to the floor."""


class Actor(Protocol):
    """Someone in a clip."""

    @property
    def person(self) -> Person:
        """Who it is."""

    def mesh(self, t: float) -> Mesh:
        """Their body at a time (seconds from the middle of the clip)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stroller:
    """Someone who walks straight on: (x, z) at t = 0, where to, and the seconds of the cycle they are ahead."""

    person: Person
    rest: Dressed
    gait: Gait
    middle_2: tuple[float, float]
    yaw: float
    ahead: float

    def place(self, t: float) -> tuple[float, float]:
        """Where on the floor they are, (x, z)."""
        way = self.gait.speed * t
        return self.middle_2[0] + way * float(np.sin(self.yaw)), self.middle_2[1] + way * float(np.cos(self.yaw))

    def mesh(self, t: float) -> Mesh:
        """The planted walk."""
        return walking(self.rest, self.gait, self.place(-self.ahead), self.yaw, t + self.ahead)


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """What a body does, apart from where it is: pose, heading (radians), and how far it is off the floor (metres)."""

    pose: Callable[[float], Pose]
    yaw: Callable[[float], float]
    off_floor: Callable[[float], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mover:
    """Someone whose way follows from their motion: what touches the floor stays where it is.

    Attributes:
        first: seconds of the first of the places.
        root_T3: the root's place at `first`, `first` + STEP …
    """

    person: Person
    rest: Dressed
    motion: Motion
    first: float
    root_T3: F32

    def mesh(self, t: float) -> Mesh:
        """The pose of the time at the place of the time."""
        at = float(np.clip((t - self.first) / STEP, 0, len(self.root_T3) - 1.001))
        low, share = int(at), np.float32(at - int(at))
        root_3 = (1 - share) * self.root_T3[low] + share * self.root_T3[low + 1]
        return pose_dressed(self.rest, self.motion.pose(t), self.motion.yaw(t), root_3)


def mover(person: Person, motion: Motion, middle_2: tuple[float, float], half: float) -> Mover:
    """Someone at (x, z) at t = 0, in motion from −`half` to `half` seconds and a little longer."""
    rest = dressed_rest(person)
    reach = int(np.ceil(half / STEP)) + 2
    times = np.arange(-reach, reach + 1) * STEP
    root_T3 = _rooted(rest, motion, times.tolist())
    root_T3[:, [0, 2]] += np.asarray(middle_2, np.float32) - root_T3[reach, [0, 2]]
    return Mover(person=person, rest=rest, motion=motion, first=float(times[0]), root_T3=root_T3)


def _rooted(rest: Dressed, motion: Motion, times: list[float]) -> F32:
    """The root's places (T, 3): the lowest point on (or off) the floor, what touches it at rest."""
    body, chosen = _soles()
    few = replace(body, weight_VB=body.weight_VB[chosen])
    zero_3, few_S3 = np.zeros(3, np.float32), rest.vertex_V3[chosen]
    root_T3 = np.zeros((len(times), 3), np.float32)
    before_S3, held_S, way_2 = few_S3, np.zeros(len(chosen)), np.zeros(2, np.float32)
    for k, t in enumerate(times):
        turn_B33 = bone_rotations(body, motion.pose(t), motion.yaw(t))
        turned, placed = forward_kinematics(body, rest.head_B3, turn_B33, zero_3)
        now_S3 = skin(few, few_S3, rest.head_B3, turned, placed)
        low = float(now_S3[:, 1].min())
        hold_S = np.exp(-(now_S3[:, 1] - low) / TOUCH)
        off = motion.off_floor(t)
        both_S = hold_S * held_S
        if k and off < TOUCH:
            way_2 = -(both_S[:, None] * (now_S3 - before_S3)[:, [0, 2]]).sum(axis=0) / max(both_S.sum(), 1e-9)
        root_T3[k] = [0, off - low, 0]
        if k:
            root_T3[k, [0, 2]] = root_T3[k - 1, [0, 2]] + way_2
        before_S3, held_S = now_S3, hold_S
    return root_T3


@cache
def _soles() -> tuple[OpenBody, npt.NDArray[np.intp]]:
    """The body, and vertices enough to say where it touches the floor: feet and hands, and a few of the rest."""
    body = load_body()
    ends = np.unique(body.face_F3[np.isin(body.chart_F, (3, 4, 5, 6))])[::2]
    return body, np.union1d(ends, np.arange(0, len(body.twin_V), 12))


def _never(_: float) -> float:
    return 0.0


def standing_still(pose: Callable[[float], Pose], yaw: float) -> Motion:
    """Whatever the body does, it looks one way."""
    return Motion(pose=pose, yaw=lambda t: yaw, off_floor=_never)


def running(person: Person, rng: Rng, yaw: float) -> Motion:
    """A straight run with a flight between the steps."""
    pace = float(rng.uniform(1.5, 2.0))
    period, phase = 0.72 * gait_of(person).period / pace**0.3, float(rng.random())

    def off(t: float) -> float:
        swing = float(np.sin(4 * np.pi * (t / period + phase) + 0.6))
        return 0.07 * max(0.0, swing) ** 2

    return Motion(pose=lambda t: stride(t / period + phase, pace=pace), yaw=lambda t: yaw, off_floor=off)


def _keyed(keys: list[Pose], yaws: npt.NDArray[np.floating], half: float, beat: float) -> Motion:
    """Through keys, `beat` seconds each."""

    def place(t: float) -> float:
        return (t + half) / beat + 1

    def yaw(t: float) -> float:
        first, weights = spline_weights(place(t), len(yaws))
        return float(weights @ yaws[first : first + 4])

    return Motion(pose=lambda t: along(keys, place(t)), yaw=yaw, off_floor=_never)


def _through(rng: Rng, kinds: tuple[str, ...], half: float, beat: float, turning: float) -> Motion:
    """Through random poses of the kinds, the heading in a random walk (radians a beat)."""
    count = int(np.ceil(2 * half / beat)) + 6
    keys = [POSES[str(rng.choice(kinds))](rng) for _ in range(count)]
    yaws = rng.uniform(-np.pi, np.pi) + np.cumsum(rng.normal(0, turning, count))
    return _keyed(keys, yaws, half, beat)


def dancing(rng: Rng, half: float) -> Motion:
    """From one dance pose to the next."""
    return _through(rng, ("dance", "dance", "dance", "walk", "stand"), half, float(rng.uniform(0.35, 0.7)), 0.4)


def exercising(rng: Rng, half: float) -> Motion:
    """Up and down, reaching and bending."""
    return _through(rng, ("stand", "crouch", "stand", "dance"), half, float(rng.uniform(0.6, 1.0)), 0.15)


def resting(rng: Rng, half: float) -> Motion:
    """Down to the floor, lying there, and up again, over and over."""
    beat = float(rng.uniform(0.4, 0.6))
    standing, crouched, seated, lying = (POSES[kind](rng) for kind in ("stand", "crouch", "floor", "back"))
    # Three times the same: a cubic B-spline that is pulled by nothing else rests there.
    cycle = [standing, standing, crouched, seated, seated, lying, lying, lying, seated, seated, crouched]
    first, count = int(rng.integers(len(cycle))), int(np.ceil(2 * half / beat)) + 6
    keys = [cycle[(first + k) % len(cycle)] for k in range(count)]
    yaws = rng.uniform(-np.pi, np.pi) + np.cumsum(rng.normal(0, 0.1, count))
    return _keyed(keys, yaws, half, beat)


def cartwheeling(rng: Rng, half: float) -> Motion:
    """Sideways over the hands and back on the feet, with a rest between."""
    standing, wheel = POSES["stand"](rng), POSES["star"](rng)
    period, turning_share = float(rng.uniform(3.0, 3.8)), float(rng.uniform(0.7, 0.85))
    way, start = float(rng.choice([-1, 1])), float(rng.random())
    yaw = float(rng.uniform(-np.pi, np.pi))

    def pose(t: float) -> Pose:
        share = min(((t / period + start) % 1.0) / turning_share, 1.0)
        turned = share - float(np.sin(2 * np.pi * share)) / (2 * np.pi)
        spread = float(np.clip(2.5 * np.sin(np.pi * share), 0, 1))
        limbs = mixed((standing, wheel), (1 - spread, spread))
        return replace(limbs, tilt_33=about(FRONT, 2 * np.pi * way * turned))

    return standing_still(pose, yaw)


def turning(rng: Rng, half: float) -> Motion:
    """On the spot, all the way around, arms at work."""
    count, beat = int(np.ceil(2 * half / 0.8)) + 6, 0.8
    keys = [POSES["stand"](rng) for _ in range(count)]
    step = float(rng.choice([-1, 1]) * rng.uniform(0.5, 1.3))
    return _keyed(keys, rng.uniform(-np.pi, np.pi) + step * np.arange(count), half, beat)


def idle(rng: Rng, half: float) -> Motion:
    """Stands, shifts its weight, looks about, waves."""
    motion = _through(rng, ("stand",), half, float(rng.uniform(1.0, 1.8)), 0.1)
    waves, rate = rng.random() < 0.4, float(rng.uniform(0.8, 1.6))

    def pose(t: float) -> Pose:
        calm = motion.pose(t)
        if not waves:
            return calm
        bend = 1.6 + 0.5 * float(np.sin(2 * np.pi * rate * t))
        return replace(calm, right_arm=Arm(toward=(0.8, 0.5, 0.3), elbow=bend, twist=0.3, curl=0.1))

    return replace(motion, pose=pose)


def strolling(person: Person, rng: Rng, middle_2: tuple[float, float], yaw: float) -> Stroller:
    """A walk straight on."""
    gait = gait_of(person, briskness=float(rng.uniform(0.85, 1.1)))
    return Stroller(person=person, rest=dressed_rest(person), gait=gait, middle_2=middle_2, yaw=yaw,
                    ahead=float(rng.random()) * gait.period)


MOTIONS: dict[str, Callable[[Rng, float], Motion]] = {
    "dance": dancing, "exercise": exercising, "turn": turning, "idle": idle, "rest": resting,
    "cartwheel": cartwheeling,
}
"""What people do on the spot, by name: (rng, seconds before and after the middle of the clip)."""


def actor(kind: str, person: Person, rng: Rng, middle_2: tuple[float, float], yaw: float, half: float) -> Actor:
    """Someone who walks or runs where `yaw` points, or does something on the spot; at (x, z) when t = 0."""
    if kind == "walk":
        return strolling(person, rng, middle_2, yaw)
    motion = running(person, rng, yaw) if kind == "run" else MOTIONS[kind](rng, half)
    return mover(person, motion, middle_2, half)
