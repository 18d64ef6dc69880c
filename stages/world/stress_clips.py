"""Clips that are hard in one way each, as the pictures of `stress.py` are; their tags come after `stress_video_`."""

from __future__ import annotations

from dataclasses import replace

from stages.world.moving import MOVING_WORLDS, STRANGERS, MovingWorld

_ON_FEET = (("walk", 0.4), ("dance", 0.3), ("idle", 0.3))

_GROWN = replace(STRANGERS, children=0.0, heights="human")


# Of one name: all draw the same people, places, motions and cameras, but for the difficulty.
_PLAIN = replace(MOVING_WORLDS["video"], name="stress_video", people=(1, 2), frames=50)

STRESS_CLIPS: dict[str, MovingWorld] = {
    "stress_video_plain": _PLAIN,
    "stress_video_rain": replace(_PLAIN, weather=("rain",)),
    "stress_video_low_light": replace(_PLAIN, weather=("night",)),
    "stress_video_unfocused": replace(_PLAIN, weather=("unfocused",)),
    "stress_video_occlusion": replace(_PLAIN, fronts=(2, 4)),
    "stress_video_floor": replace(_PLAIN, motions=(("rest", 1.0),), tall=(0.4, 0.7)),
    "stress_video_upside_down": replace(_PLAIN, motions=(("cartwheel", 1.0),), tall=(0.4, 0.7)),
    "stress_video_contact": replace(_PLAIN, contact=1.0, motions=_ON_FEET, dressed=_GROWN, people=(2, 3)),
    "stress_video_fast": replace(
        _PLAIN, motions=(("run", 0.5), ("dance", 0.5)), cameras=("shaking",), shutter=(0.6, 0.9)
    ),
    "stress_video_small": replace(_PLAIN, tall=(0.08, 0.2)),
    "stress_video_near": replace(_PLAIN, tall=(1.3, 2.2)),
}
"""By name; `stress_video_plain` is what the others are measured against."""
