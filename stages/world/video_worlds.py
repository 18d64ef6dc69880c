"""Worlds of video clips, and the stress tests among them: what each contains, by name."""

from __future__ import annotations

from dataclasses import dataclass, replace

from stages.world.image_worlds import WORLDS, World

STRANGERS = replace(WORLDS["train"], bodies=(0.7, 1.0), skirts=0.12, locks=0.2, bags=0.12, loose=0.3, hairdos=0.3)
"""Bodies that `train` does not draw on, in clothes of every kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MovingWorld:
    """What clips contain.

    Attributes:
        name: salts the seed.
        people: fewest and most in a clip.
        motions: what they do, and how probable: "walk", "run" or a name in `actors.MOTIONS`.
        cameras: names in `CAMERAS`.
        tall: range of a person's height as a share of the picture's.
        away: range of the camera's distance from the middle, metres.
        lane: metres from one person's way to the next one's.
        aside: spread of people's ways against the picture's plane, radians.
        dressed: the world whose bodies and clothes they have.
        frames, rate: of one clip, and a second.
        shutter: range of the share of a frame's time in which it is exposed.
        weather: names in `WEATHER`, one of which each clip suffers.
        fronts: fewest and most things that stand before people.
        contact: share of clips of two or more in which two shake hands, embrace or stand arm in arm.
        backgrounds: pictures, one of which hangs behind people instead of a place, in `photo_share` of the clips.
    """

    name: str
    height: int = 240
    width: int = 320
    people: tuple[int, int] = (1, 3)
    motions: tuple[tuple[str, float], ...] = (
        ("walk", 0.3), ("run", 0.15), ("dance", 0.25), ("turn", 0.1), ("exercise", 0.1), ("idle", 0.1),
    )
    cameras: tuple[str, ...] = ("still", "panning", "shaking", "zooming")
    tall: tuple[float, float] = (0.4, 0.9)
    away: tuple[float, float] = (4.5, 7.0)
    lane: float = 0.9
    aside: float = 0.5
    dressed: World = STRANGERS
    frames: int = 100
    rate: float = 25.0
    shutter: tuple[float, float] = (0.1, 0.7)
    weather: tuple[str, ...] = ()
    fronts: tuple[int, int] = (0, 0)
    contact: float = 0.0
    backgrounds: tuple[str, ...] = ()
    photo_share: float = 0.8


MOVING_WORLDS: dict[str, MovingWorld] = {
    "video": MovingWorld(name="video"),
    "crowd": MovingWorld(
        name="crowd", people=(6, 10), motions=(("walk", 0.65), ("run", 0.15), ("idle", 0.15), ("dance", 0.05)),
        tall=(0.3, 0.55), away=(6.5, 9.0), lane=0.55, aside=0.12,
    ),
}
"""Named worlds of clips."""

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
