"""Worlds of video clips, and the stress tests among them: what each contains, by name."""

from __future__ import annotations

from dataclasses import dataclass, replace

from stages.world.image_worlds import IMAGE_WORLDS, ImageWorld

HELD_OUT_PEOPLE = replace(
    IMAGE_WORLDS["train"], body_range=(0.7, 1.0), skirts=0.12, long_hair=0.2, bags=0.12, loose_clothing=0.3,
    hair_styles=0.3,
)
"""Bodies that `train` does not use, in clothes of every kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoWorld:
    """What the clips of a world contain.

    Attributes:
        name: part of the random seed, so worlds of different names share no random numbers.
        people: minimum and maximum number in a clip.
        motions: "walk", "run" or names in `MOTIONS`, with their probabilities.
        camera_motions: names in `CAMERA_MOTIONS`.
        person_height: range of a person's height as a share of the image's height.
        camera_distance: range of the camera's distance from the world's origin, metres.
        lane_spacing: metres in depth between the paths of neighbouring people.
        yaw_std: standard deviation of the angle between people's paths and the image plane, radians.
        appearance: the world whose bodies and clothes the people have.
        frames: number of frames of a clip.
        fps: frames per second.
        shutter: range of the exposure time, as a share of the time between frames.
        corruptions: names in `CORRUPTIONS`, one of which is applied to each clip.
        occluders: minimum and maximum number of occluders in front of people.
        contact: share of clips of two or more people in which two shake hands, embrace or stand arm in arm.
        background_images: paths; one of them replaces the environment in `image_share` of the clips.
    """

    name: str
    height: int = 240
    width: int = 320
    people: tuple[int, int] = (1, 3)
    motions: tuple[tuple[str, float], ...] = (
        ("walk", 0.3),
        ("run", 0.15),
        ("dance", 0.25),
        ("turn", 0.1),
        ("exercise", 0.1),
        ("idle", 0.1),
    )
    camera_motions: tuple[str, ...] = ("still", "panning", "shaking", "zooming")
    person_height: tuple[float, float] = (0.4, 0.9)
    camera_distance: tuple[float, float] = (4.5, 7.0)
    lane_spacing: float = 0.9
    yaw_std: float = 0.5
    appearance: ImageWorld = HELD_OUT_PEOPLE
    frames: int = 100
    fps: float = 25.0
    shutter: tuple[float, float] = (0.1, 0.7)
    corruptions: tuple[str, ...] = ()
    occluders: tuple[int, int] = (0, 0)
    contact: float = 0.0
    background_images: tuple[str, ...] = ()
    image_share: float = 0.8


VIDEO_WORLDS: dict[str, VideoWorld] = {
    "video": VideoWorld(name="video"),
    "crowd": VideoWorld(
        name="crowd", people=(6, 10), motions=(("walk", 0.65), ("run", 0.15), ("idle", 0.15), ("dance", 0.05)),
        person_height=(0.3, 0.55), camera_distance=(6.5, 9.0), lane_spacing=0.55, yaw_std=0.12,
    ),
}
"""Worlds of clips by name."""

_ON_THEIR_FEET = (("walk", 0.4), ("dance", 0.3), ("idle", 0.3))

_ADULTS = replace(HELD_OUT_PEOPLE, child_share=0.0, height_distribution="human")

# All stress tests share one name, hence the same people, environments, motions and cameras where a test allows it.
_PLAIN = replace(VIDEO_WORLDS["video"], name="stress_video", people=(1, 2), frames=50)

STRESS_VIDEO_WORLDS: dict[str, VideoWorld] = {
    "stress_video_plain": _PLAIN,
    "stress_video_rain": replace(_PLAIN, corruptions=("rain",)),
    "stress_video_low_light": replace(_PLAIN, corruptions=("night",)),
    "stress_video_unfocused": replace(_PLAIN, corruptions=("unfocused",)),
    "stress_video_occlusion": replace(_PLAIN, occluders=(2, 4)),
    "stress_video_floor": replace(_PLAIN, motions=(("rest", 1.0),), person_height=(0.4, 0.7)),
    "stress_video_upside_down": replace(_PLAIN, motions=(("cartwheel", 1.0),), person_height=(0.4, 0.7)),
    "stress_video_contact": replace(_PLAIN, contact=1.0, motions=_ON_THEIR_FEET, appearance=_ADULTS, people=(2, 3)),
    "stress_video_fast": replace(
        _PLAIN, motions=(("run", 0.5), ("dance", 0.5)), camera_motions=("shaking",), shutter=(0.6, 0.9)
    ),
    "stress_video_small": replace(_PLAIN, person_height=(0.08, 0.2)),
    "stress_video_near": replace(_PLAIN, person_height=(1.3, 2.2)),
}
"""Stress tests in clips by name, each with one difficulty; the name after `stress_video_` is its tag.

`stress_video_plain` has no difficulty: it is the baseline of the others.
"""
