"""Clips that are hard in one way each, as the pictures of `stress.py` are; their tags come after `stress_video_`."""

from __future__ import annotations

from dataclasses import replace

from stages.world.moving import MOVING_WORLDS, STRANGERS, MovingWorld

_ON_FEET = (("walk", 0.4), ("dance", 0.3), ("idle", 0.3))

_GROWN = replace(STRANGERS, children=0.0, heights="human")


def _hard(tag: str, **changes: object) -> MovingWorld:
    return replace(MOVING_WORLDS["video"], name=f"stress_video_{tag}", people=(1, 2), **changes)  # type: ignore[arg-type]


STRESS_CLIPS: dict[str, MovingWorld] = {
    world.name: world
    for world in (
        _hard("plain"),
        _hard("rain", weather=("rain",)),
        _hard("low_light", weather=("night",)),
        _hard("unfocused", weather=("unfocused",)),
        _hard("occlusion", fronts=(2, 4)),
        _hard("floor", motions=(("rest", 1.0),), tall=(0.4, 0.7)),
        replace(_hard("contact", contact=1.0, motions=_ON_FEET, dressed=_GROWN), people=(2, 3)),
        _hard("fast", motions=(("run", 0.5), ("dance", 0.5)), cameras=("shaking",), shutter=(0.6, 0.9)),
        _hard("small", tall=(0.08, 0.2)),
        _hard("near", tall=(1.3, 2.2)),
    )
}
"""By name; `stress_video_plain` is what the others are measured against."""
