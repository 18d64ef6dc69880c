"""People close to each other: side by side, in a queue, in a huddle, a child before a parent, one before the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Rng = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a person of a group stands: x (right) and z (toward the viewer) from the first person, metres.

    `yaw` is the heading in radians, None for any; `is_child` asks for a child's body.
    """

    x: float
    z: float
    yaw: float | None = None
    is_child: bool = False


def side_by_side_row(rng: Rng, count: int) -> list[Place]:
    """A row across the view, shoulders close or overlapping."""
    side, near = float(rng.choice([-1, 1])), float(rng.uniform(0.36, 0.65))
    return [Place(x=side * near * k, z=float(rng.normal(0, 0.15))) for k in range(1, count)]


def queue(rng: Rng, count: int) -> list[Place]:
    """A queue in any direction; all look the same way."""
    angle, near = float(rng.uniform(-np.pi, np.pi)), float(rng.uniform(0.35, 0.7))
    x, z = near * float(np.sin(angle)), near * float(np.cos(angle))
    return [Place(x=x * k, z=z * k, yaw=angle + float(rng.normal(0, 0.2))) for k in range(1, count)]


def huddle(rng: Rng, count: int) -> list[Place]:
    """All around the first, within reach."""
    angles = rng.uniform(0, 2 * np.pi) + 2 * np.pi / count * np.arange(1, count)
    near = rng.uniform(0.4, 0.7, count - 1)
    return [Place(x=float(r * np.sin(a)), z=float(r * np.cos(a))) for r, a in zip(near, angles, strict=True)]


def child_before_parent(rng: Rng, count: int) -> list[Place]:
    """A child close before the first, the others beside them."""
    child = Place(x=float(rng.normal(0, 0.12)), z=float(rng.uniform(0.25, 0.5)), is_child=True)
    return [child, *side_by_side_row(rng, count - 1)]


def passing_before(rng: Rng, count: int) -> list[Place]:
    """Others pass before the first, one before the other."""
    return [Place(x=float(rng.normal(0, 0.35)), z=0.5 * k + float(rng.uniform(0, 0.3))) for k in range(1, count)]


GROUPS: tuple[Callable[[Rng, int], list[Place]], ...] = (
    side_by_side_row,
    queue,
    huddle,
    child_before_parent,
    passing_before,
)
"""Each takes the number of people, 2 or more, and places all but the first."""


def random_group(rng: Rng, count: int) -> list[Place]:
    """The places of all but the first of `count` people in a random one of `GROUPS`."""
    return GROUPS[rng.integers(len(GROUPS))](rng, count)
