"""A world unlike the others, for the supervision study: what SURREAL is to photos, this is to the world `train`."""

from __future__ import annotations

from stages.world.image_worlds import ImageWorld

RENDERINGS = ImageWorld(
    name="renderings",
    people=(0.0, 0.75, 0.25),
    person_height=(0.4, 1.1),
    poses=(("stand", 0.55), ("walk", 0.45)),
    body_range=(0.0, 0.4),
    child_share=0.0,
    patterns=("plain",),
    procedural_backgrounds=("clouds",),
    pitch_range=(-0.05, 0.1),
    roll_std=0.0,
    occluded_share=0.0,
)
"""Plain clothes, few poses and bodies, flat backgrounds, nothing in front."""
