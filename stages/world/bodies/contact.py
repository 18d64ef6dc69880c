"""Two people in contact, in images and in clips: a handshake, an embrace, side by side with an arm around."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from models.arrays import F32
from models.body.open_body import KEYPOINT_NAMES
from stages.world.bodies.motions import GroundedActor, grounded_actor, in_place
from stages.world.bodies.people import Mesh, Person, moved_on_floor, pose_person
from stages.world.bodies.pose_interpolation import mean_pose
from stages.world.bodies.poses import AnglePose, Arm
from stages.world.clothes.rest_body import rest_body

Rng = np.random.Generator

RIGHT_WRIST = KEYPOINT_NAMES.index("right_wrist")

ARM_RAISES = (0.35, 1.25)
"""Lowest and highest raise of the arm in a handshake, radians from hanging."""

HAND_DISTANCE = 0.15
"""Metres between the wrists in a handshake."""
HANGING = Arm(toward=(0.15, -1.0, 0.02), elbow=0.2)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactPair:
    """Two posed people: the first above the origin, the second at `offset_2` (x, z), metres."""

    first: Mesh
    second: Mesh
    offset_2: tuple[float, float]


def handshake(rng: Rng, people: tuple[Person, Person], yaw: float) -> ContactPair:
    """A handshake face to face; the arms are raised so that the hands meet at one height."""
    elbow, bend, left = float(rng.uniform(0.3, 0.6)), float(rng.uniform(0, 0.15)), _hanging(rng)

    def offering(one: Person, lift: float, turn: float) -> Mesh:
        hand = Arm(toward=(-0.15, -float(np.cos(lift)), float(np.sin(lift))), elbow=elbow, curl=0.6)
        return pose_person(one, AnglePose(left_arm=left, right_arm=hand, spine=(bend, 0.0, 0.1)), turn)

    turns = (yaw, yaw + np.pi)
    height_22 = np.array(
        [
            [offering(one, lift, turn).keypoint_K3[RIGHT_WRIST, 1] for lift in ARM_RAISES]
            for one, turn in zip(people, turns, strict=True)
        ]
    )
    meet = float(height_22.mean())
    first, second = (
        offering(one, float(np.clip(np.interp(meet, heights, ARM_RAISES), *ARM_RAISES)), turn)
        for one, turn, heights in zip(people, turns, height_22, strict=True)
    )
    ahead = np.array([np.sin(yaw), 0, np.cos(yaw)], np.float32)
    offset = first.keypoint_K3[RIGHT_WRIST] + HAND_DISTANCE * ahead - second.keypoint_K3[RIGHT_WRIST]
    return _pair(first, second, offset)


def embrace(rng: Rng, people: tuple[Person, Person], yaw: float) -> ContactPair:
    """An embrace: chest to chest, arms around the other."""
    arms = [
        Arm(
            toward=(0.45, float(rng.uniform(-0.45, 0.05)), 0.9), elbow=float(rng.uniform(1.1, 1.4)),
            twist=float(rng.uniform(0.5, 1.1)), curl=0.5,
        )
        for _ in range(4)
    ]
    meshes = [
        pose_person(one, AnglePose(left_arm=arms[2 * k], right_arm=arms[2 * k + 1], neck=(0.1, 0.15, 0.35)), turn)
        for k, (one, turn) in enumerate(zip(people, (yaw, yaw + np.pi), strict=True))
    ]
    ahead = np.array([np.sin(yaw), 0, np.cos(yaw)], np.float32)
    apart = _reach(meshes[0], ahead) + _reach(meshes[1], -ahead) + 0.01
    return _pair(meshes[0], meshes[1], apart * ahead)


def side_by_side(rng: Rng, people: tuple[Person, Person], yaw: float) -> ContactPair:
    """Shoulder to shoulder, with the arm of the first around the second."""
    around = Arm(toward=(1.0, float(rng.uniform(-0.2, 0.1)), -0.25), elbow=float(rng.uniform(0.2, 0.6)), curl=0.6)
    first = pose_person(people[0], AnglePose(left_arm=around, right_arm=_hanging(rng)), yaw)
    second = pose_person(people[1], AnglePose(left_arm=_hanging(rng), right_arm=_hanging(rng)), yaw)
    left = np.array([np.cos(yaw), 0, -np.sin(yaw)], np.float32)
    apart = _reach(first, left) + _reach(second, -left) + 0.08
    return _pair(first, second, apart * left)


CONTACTS = (handshake, embrace, side_by_side)


def _pair(first: Mesh, second: Mesh, offset_3: F32) -> ContactPair:
    offset_2 = float(offset_3[0]), float(offset_3[2])
    return ContactPair(first=first, second=moved_on_floor(second, *offset_2), offset_2=offset_2)


def _hanging(rng: Rng) -> Arm:
    return Arm(toward=(0.12, -1.0, float(rng.normal(0, 0.08))), elbow=float(rng.uniform(0.05, 0.4)))


def _reach(mesh: Mesh, direction_3: F32) -> float:
    """Metres by which the trunk above the hips extends in a direction from the vertical axis through the origin."""
    rest = rest_body()
    trunk = (rest.arm_V < -0.9) & (rest.head_V == 0) & (rest.point_V3[:, 1] > 1.0)
    return float((mesh.vertex_V3[trunk] @ direction_3).max())


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactCycle:
    """The repeated contact of two people in a clip.

    Attributes:
        period: seconds between contacts; they are in contact at t = 0.
        shake, sway: amplitudes of the elbows' and the trunks' swing during contact, radians.
        rate: of the swing, 1/s.
    """

    period: float
    shake: float
    sway: float
    rate: float

    def strength(self, t: float) -> float:
        """Strength of the contact, 0..1, at a time (seconds)."""
        share = float(np.clip(0.5 + 1.2 * np.cos(2 * np.pi * t / self.period), 0, 1))
        return share * share * (3 - 2 * share)

    def pose(self, contact_pose: AnglePose, side: float, t: float) -> AnglePose:
        """The pose of one of the two at a time; `side` ±1 is the direction in which the trunk sways."""
        free = replace(contact_pose, left_arm=HANGING, right_arm=HANGING, spine=(0.0, 0.0, 0.0), neck=(0.0, 0.0, 0.0))
        strength = self.strength(t)
        now = mean_pose((free, contact_pose), (1 - strength, strength))
        wave = strength * float(np.sin(2 * np.pi * self.rate * t))
        forward, aside, turn = now.spine
        arm = replace(now.right_arm, elbow=now.right_arm.elbow + self.shake * wave)
        return replace(now, right_arm=arm, spine=(forward, aside + side * self.sway * wave, turn))


def actors_in_contact(
    rng: Rng, people: tuple[Person, Person], middle_2: tuple[float, float], yaw: float, half: float
) -> tuple[GroundedActor, GroundedActor]:
    """Two people in repeated contact, the first at (x, z), from −`half` to `half` seconds."""
    contact = CONTACTS[rng.integers(len(CONTACTS))]
    pair = contact(rng, people, yaw)
    shakes = contact is handshake
    cycle = ContactCycle(
        period=float(rng.uniform(2.4, 4.5)), shake=0.22 if shakes else 0.0, sway=0.0 if shakes else 0.07,
        rate=float(rng.uniform(1.6, 2.4)) if shakes else float(rng.uniform(0.3, 0.6)),
    )
    there = middle_2[0] + pair.offset_2[0], middle_2[1] + pair.offset_2[1]
    actors = []
    for person, mesh, position in zip(people, (pair.first, pair.second), (middle_2, there), strict=True):
        side = float(np.sign(np.cos(mesh.yaw - yaw)))
        assert isinstance(mesh.pose, AnglePose), "contacts are posed by joint angles"
        motion = in_place(partial(cycle.pose, mesh.pose, side), mesh.yaw)
        actors.append(grounded_actor(person, motion, position, half))
    return actors[0], actors[1]
