"""A world unlike the others, for the supervision study: what SURREAL is to photos, this is to the world `train`."""

from __future__ import annotations

from stages.world.image_worlds import World

RENDERINGS = World(
    name="renderings",
    people=(0.0, 0.75, 0.25),
    tall=(0.4, 1.1),
    poses=(("stand", 0.55), ("walk", 0.45)),
    bodies=(0.0, 0.4),
    children=0.0,
    patterns=("plain",),
    backdrops=("clouds",),
    pitch=(-0.05, 0.1),
    roll=0.0,
    occluded=0.0,
)
"""Plain clothes, few poses and bodies, flat backgrounds, nothing in front."""
