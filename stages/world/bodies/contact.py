"""Two people in contact, in images and in clips: a handshake, an embrace, side by side with an arm around."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from models.arrays import F32
from models.surface.body import KEYPOINT_NAMES
from stages.world.bodies.motions import Mover, mover, standing_still
from stages.world.bodies.people import Mesh, Person, moved, pose_person
from stages.world.bodies.pose_interpolation import mixed
from stages.world.bodies.poses import Arm, Pose
from stages.world.clothes.rest_body import home

Rng = np.random.Generator

RIGHT_WRIST = KEYPOINT_NAMES.index("right_wrist")

LIFTS = (0.35, 1.25)
"""Radians from hanging: lowest and highest arm of a handshake."""

CLASP = 0.15
"""Metres between the wrists of two hands that hold each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two posed people, the first above the origin, the second `apart_2` from there: x, z in metres."""

    first: Mesh
    second: Mesh
    apart_2: tuple[float, float]


def handshake(rng: Rng, people: tuple[Person, Person], yaw: float) -> Pair:
    """Face to face, right hand in right hand; the taller one reaches lower."""
    elbow, bend, left = float(rng.uniform(0.3, 0.6)), float(rng.uniform(0, 0.15)), _hanging(rng)

    def offering(one: Person, lift: float, turn: float) -> Mesh:
        hand = Arm(toward=(-0.15, -float(np.cos(lift)), float(np.sin(lift))), elbow=elbow, curl=0.6)
        return pose_person(one, Pose(left_arm=left, right_arm=hand, spine=(bend, 0.0, 0.1)), turn)

    turns = (yaw, yaw + np.pi)
    height_22 = np.array([
        [offering(one, lift, turn).keypoint_K3[RIGHT_WRIST, 1] for lift in LIFTS]
        for one, turn in zip(people, turns, strict=True)
    ])
    meet = float(height_22.mean())
    first, second = (
        offering(one, float(np.clip(np.interp(meet, heights, LIFTS), *LIFTS)), turn)
        for one, turn, heights in zip(people, turns, height_22, strict=True)
    )
    ahead = np.array([np.sin(yaw), 0, np.cos(yaw)], np.float32)
    way = first.keypoint_K3[RIGHT_WRIST] + CLASP * ahead - second.keypoint_K3[RIGHT_WRIST]
    return _pair(first, second, way)


def embrace(rng: Rng, people: tuple[Person, Person], yaw: float) -> Pair:
    """Chest to chest, arms around the other."""
    arms = [
        Arm(toward=(0.45, float(rng.uniform(-0.45, 0.05)), 0.9), elbow=float(rng.uniform(1.1, 1.4)),
            twist=float(rng.uniform(0.5, 1.1)), curl=0.5)
        for _ in range(4)
    ]
    meshes = [
        pose_person(one, Pose(left_arm=arms[2 * k], right_arm=arms[2 * k + 1], neck=(0.1, 0.15, 0.35)), turn)
        for k, (one, turn) in enumerate(zip(people, (yaw, yaw + np.pi), strict=True))
    ]
    ahead = np.array([np.sin(yaw), 0, np.cos(yaw)], np.float32)
    apart = _reach(meshes[0], ahead) + _reach(meshes[1], -ahead) + 0.01
    return _pair(meshes[0], meshes[1], apart * ahead)


def side_by_side(rng: Rng, people: tuple[Person, Person], yaw: float) -> Pair:
    """Shoulder to shoulder, the first one's arm around the other."""
    around = Arm(toward=(1.0, float(rng.uniform(-0.2, 0.1)), -0.25), elbow=float(rng.uniform(0.2, 0.6)), curl=0.6)
    first = pose_person(people[0], Pose(left_arm=around, right_arm=_hanging(rng)), yaw)
    second = pose_person(people[1], Pose(left_arm=_hanging(rng), right_arm=_hanging(rng)), yaw)
    left = np.array([np.cos(yaw), 0, -np.sin(yaw)], np.float32)
    apart = _reach(first, left) + _reach(second, -left) + 0.08
    return _pair(first, second, apart * left)


CONTACTS = (handshake, embrace, side_by_side)


def _pair(first: Mesh, second: Mesh, way_3: F32) -> Pair:
    apart_2 = float(way_3[0]), float(way_3[2])
    return Pair(first=first, second=moved(second, *apart_2), apart_2=apart_2)


def _hanging(rng: Rng) -> Arm:
    return Arm(toward=(0.12, -1.0, float(rng.normal(0, 0.08))), elbow=float(rng.uniform(0.05, 0.4)))


def _reach(mesh: Mesh, way_3: F32) -> float:
    """How far the trunk above the hips reaches from the vertical through the origin."""
    place = home()
    trunk = (place.arm_V < -0.9) & (place.head_V == 0) & (place.point_V3[:, 1] > 1.0)
    return float((mesh.vertex_V3[trunk] @ way_3).max())


HANGING = Arm(toward=(0.15, -1.0, 0.02), elbow=0.2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """When two hold each other, and how they move then.

    Attributes:
        period: seconds from one to the next; they hold each other at t = 0.
        shake, sway: radians by which elbows go up and down and trunks from side to side.
        rate: times a second.
    """

    period: float
    shake: float
    sway: float
    rate: float

    def hold(self, t: float) -> float:
        """How much they hold each other, 0..1, at a time (seconds)."""
        share = float(np.clip(0.5 + 1.2 * np.cos(2 * np.pi * t / self.period), 0, 1))
        return share * share * (3 - 2 * share)

    def pose(self, held: Pose, side: float, t: float) -> Pose:
        """The pose at a time: of someone who holds the other one as `held`; `side` ±1 is where their left is."""
        free = replace(held, left_arm=HANGING, right_arm=HANGING, spine=(0.0, 0.0, 0.0), neck=(0.0, 0.0, 0.0))
        hold = self.hold(t)
        now = mixed((free, held), (1 - hold, hold))
        wave = hold * float(np.sin(2 * np.pi * self.rate * t))
        forward, aside, turn = now.spine
        arm = replace(now.right_arm, elbow=now.right_arm.elbow + self.shake * wave)
        return replace(now, right_arm=arm, spine=(forward, aside + side * self.sway * wave, turn))


def meeting(
    rng: Rng, people: tuple[Person, Person], middle_2: tuple[float, float], yaw: float, half: float
) -> tuple[Mover, Mover]:
    """Two who meet, the first at (x, z), from −`half` to `half` seconds."""
    contact = CONTACTS[rng.integers(len(CONTACTS))]
    pair = contact(rng, people, yaw)
    shakes = contact is handshake
    greeting = Greeting(
        period=float(rng.uniform(2.4, 4.5)),
        shake=0.22 if shakes else 0.0,
        sway=0.0 if shakes else 0.07,
        rate=float(rng.uniform(1.6, 2.4)) if shakes else float(rng.uniform(0.3, 0.6)),
    )
    there = middle_2[0] + pair.apart_2[0], middle_2[1] + pair.apart_2[1]
    movers = []
    for person, mesh, place in zip(people, (pair.first, pair.second), (middle_2, there), strict=True):
        side = float(np.sign(np.cos(mesh.yaw - yaw)))
        motion = standing_still(partial(greeting.pose, mesh.pose, side), mesh.yaw)
        movers.append(mover(person, motion, place, half))
    return movers[0], movers[1]
