"""Two people who touch: a handshake, an embrace, side by side with an arm around."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.arrays import F32
from models.surface.body import KEYPOINT_NAMES
from stages.world.bodies.people import Mesh, Person, moved, pose_person
from stages.world.bodies.poses import Arm, Pose
from stages.world.clothes.wardrobe import home

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
