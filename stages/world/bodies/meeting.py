"""Two people who meet in a clip: they shake hands, embrace or stand arm in arm, let go, and do it again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from stages.world.bodies.actors import Mover, mover, standing_still
from stages.world.bodies.contact import CONTACTS, handshake
from stages.world.bodies.people import Person
from stages.world.bodies.pose_mixing import mixed
from stages.world.bodies.poses import Arm, Pose

Rng = np.random.Generator

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
