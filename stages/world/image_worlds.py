"""Worlds of single images, and the stress tests among them: what each contains, by name."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from stages.world.backgrounds.photos import ImageSource
from stages.world.camera.framing import FOCAL_RANGE
from stages.world.clothes.patterns import PATTERNS
from stages.world.scene import MIN_PIXELS


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageWorld:
    """What the images of a world contain.

    Attributes:
        name: part of the random seed, so worlds of different names share no random numbers.
        height, width: pixels of a scene.
        people: probability of 0, 1, 2 … people.
        person_height: range of a person's height as a share of the image's height.
        poses: names in `POSES` and their probabilities.
        body_range: which of the sampled bodies are used, as shares (from, to) of all.
        child_share: share of children among people.
        patterns: names of cloth patterns.
        procedural_backgrounds: names in `PAINTED_BACKGROUNDS`, or "floor_and_wall" for a background with depth.
        background_images: paths or (H, W, 3) uint8 arrays, put behind people with probability `image_share`.
        pitch_range: range of the camera's downward tilt, radians.
        roll_std: standard deviation of the camera's roll, radians.
        focal_range: range of the focal length, in units of the image's longer side.
        occluded_share: probability that a person is occluded.
        occluders: number of occluders before an occluded person.
        skirts, long_hair, bags: shares of people in a skirt or dress, with long hair, with a bag.
        loose_clothing: share of people in coats, loose shirts, wide dresses or wide trousers.
        hair_styles: share of people with a hair style or a hat.
        height_distribution: of adults: "even" over the sampled bodies, or "human" as in a population.
        contact: share of scenes of two or more people in which two shake hands, embrace or stand arm in arm.
        wardrobe: share of people in clothes, shoes and hair of the wardrobe.
        groups: share of scenes of two or more people in which all stand close to each other.
        things: share of people with a thing before a hand or the trunk.
        clothes: False: bodies have no clothes, shoes or hair.
        lamps: False: light is equal from all sides, without shadows.
        yaw_range: range of people's headings, radians; 0 faces the camera.
        corruptions: names in `CORRUPTIONS`, one of which is applied to each image.
        min_pixels: people with fewer visible pixels are not annotated.
    """

    name: str
    height: int = 240
    width: int = 320
    people: tuple[float, ...] = (0.04, 0.36, 0.32, 0.18, 0.10)
    person_height: tuple[float, float] = (0.22, 1.35)
    poses: tuple[tuple[str, float], ...] = (
        ("stand", 0.32),
        ("walk", 0.20),
        ("sit", 0.14),
        ("crouch", 0.10),
        ("dance", 0.18),
        ("lie", 0.04),
        ("upside_down", 0.02),
    )
    body_range: tuple[float, float] = (0.0, 0.7)
    child_share: float = 0.12
    patterns: tuple[str, ...] = PATTERNS
    procedural_backgrounds: tuple[str, ...] = ("clouds", "room", "clutter", "floor_and_wall")
    background_images: tuple[ImageSource, ...] = ()
    image_share: float = 0.8
    pitch_range: tuple[float, float] = (-0.15, 0.55)
    roll_std: float = 0.06
    focal_range: tuple[float, float] = FOCAL_RANGE
    occluded_share: float = 0.25
    occluders: int = 1
    skirts: float = 0.0
    long_hair: float = 0.0
    bags: float = 0.0
    loose_clothing: float = 0.0
    hair_styles: float = 0.0
    height_distribution: str = "even"
    contact: float = 0.0
    wardrobe: float = 0.0
    groups: float = 0.0
    things: float = 0.0
    clothes: bool = True
    lamps: bool = True
    yaw_range: tuple[float, float] = (-np.pi, np.pi)
    corruptions: tuple[str, ...] = ()
    min_pixels: int = MIN_PIXELS


_WIDE = ImageWorld(
    name="wide", height_distribution="human", skirts=0.12, long_hair=0.2, bags=0.12, loose_clothing=0.3, hair_styles=0.3
)

_BROAD = replace(
    _WIDE,
    name="broad",
    pitch_range=(-0.3, 1.0),
    roll_std=0.1,
    focal_range=(0.5, 3.0),
    poses=(
        ("stand", 0.22),
        ("walk", 0.15),
        ("sit", 0.10),
        ("crouch", 0.08),
        ("dance", 0.13),
        ("random_joints", 0.25),
        ("lie", 0.05),
        ("upside_down", 0.02),
    ),
)

_AGILE = replace(
    _BROAD,
    name="agile",
    poses=(
        ("stand", 0.06),
        ("walk", 0.06),
        ("sit", 0.08),
        ("crouch", 0.10),
        ("dance", 0.24),
        ("random_joints", 0.38),
        ("lie", 0.05),
        ("upside_down", 0.03),
    ),
)

_SUPPLE = replace(
    _AGILE,
    name="supple",
    poses=(
        ("stand", 0.03),
        ("walk", 0.03),
        ("sit", 0.06),
        ("crouch", 0.08),
        ("dance", 0.22),
        ("random_joints", 0.25),
        ("bent_over", 0.25),
        ("lie", 0.05),
        ("upside_down", 0.03),
    ),
)

_DRESSED = replace(
    _SUPPLE,
    name="dressed",
    people=(0.03, 0.25, 0.34, 0.20, 0.11, 0.05, 0.02),
    poses=(
        ("real", 0.40),
        ("stand", 0.10),
        ("walk", 0.07),
        ("sit", 0.07),
        ("crouch", 0.05),
        ("dance", 0.10),
        ("random_joints", 0.10),
        ("bent_over", 0.05),
        ("lie", 0.04),
        ("upside_down", 0.02),
    ),
    contact=0.2,
    wardrobe=0.65,
    groups=0.5,
    things=0.3,
)

IMAGE_WORLDS: dict[str, ImageWorld] = {
    "train": ImageWorld(name="train"),
    "val": ImageWorld(
        name="val", body_range=(0.7, 1.0), patterns=("plain", "checks", "stripes", "dots"),
        procedural_backgrounds=("street", "room"),
        poses=(("stand", 0.30), ("walk", 0.24), ("sit", 0.14), ("crouch", 0.10), ("dance", 0.20), ("lie", 0.02)),
    ),
    "wide": _WIDE,
    "broad": _BROAD,
    "agile": _AGILE,
    "supple": _SUPPLE,
    "moved": replace(_SUPPLE, name="moved", poses=(("real", 0.5), *((kind, 0.5 * p) for kind, p in _SUPPLE.poses))),
    "dressed": _DRESSED,
}
"""Worlds of images by name.

- `val` differs from `train` in random numbers, bodies and some of its generators.
- `wide` is `train` with clothes and hair of every kind and human heights.
- `broad` is `wide` with random joint angles for a quarter of people, and wider ranges of pitch and focal length.
- `agile` is `broad` with few standing or walking people: most dance, crouch or have random joint angles.
- `supple` is `agile` with a quarter of people bent over at the hips.
- `moved` is `supple` with poses of real people for half of them.
- `dressed` is `supple` with everyday poses, many of real people; most wear clothes of the wardrobe; there are close
  groups, and things before hands and trunks.
"""

TURNED_AWAY = (np.pi - 0.7, np.pi + 0.7)

# People of `val` before all backgrounds, with human heights; some in skirts, with long hair or bags.
_PLAIN = replace(
    IMAGE_WORLDS["val"], procedural_backgrounds=("street", "room", "floor_and_wall", "clutter"),
    height_distribution="human", skirts=0.1, long_hair=0.2, bags=0.1, occluded_share=0.0, people=(0.0, 0.6, 0.4),
    person_height=(0.35, 0.85),
)


def _stress_test(tag: str, **changes: object) -> ImageWorld:
    return replace(_PLAIN, name=f"stress_{tag}", **changes)  # type: ignore[arg-type]


STRESS_IMAGE_WORLDS: dict[str, ImageWorld] = {
    world.name: world
    for world in (
        _stress_test("plain"),
        _stress_test("truncation", person_height=(1.4, 2.6)),
        _stress_test("occlusion", occluded_share=1.0, occluders=3),
        _stress_test("low_light", corruptions=("night",)),
        _stress_test("blur", corruptions=("motion_blur", "unfocused")),
        _stress_test("rain", corruptions=("rain",)),
        _stress_test("small", person_height=(0.042, 0.16), min_pixels=10),
        _stress_test(
            "crowd", people=(0.0, 0.0, 0.0, 0.0, 0.2, 0.2, 0.2, 0.2, 0.1, 0.05, 0.05), person_height=(0.3, 0.8)
        ),
        _stress_test("contact", contact=1.0, people=(0.0, 0.0, 0.8, 0.2), child_share=0.0),
        _stress_test("loose", loose_clothing=1.0, hair_styles=0.5, skirts=0.0),
        _stress_test("lying", poses=(("lie", 1.0),)),
        _stress_test("upside_down", poses=(("upside_down", 1.0),)),
        _stress_test("back", yaw_range=TURNED_AWAY),
        _stress_test("spread", poses=(("spread_eagle", 0.6), ("upside_down", 0.1), ("dance", 0.3))),
        _stress_test("floor", poses=(("floor", 0.3), ("on_hands", 0.4), ("back", 0.15), ("lie", 0.15))),
        _stress_test("children", child_share=1.0),
    )
}
"""Stress tests by name, each with one difficulty; the name after `stress_` is its tag.

`stress_plain` has no difficulty: it is the baseline of the others.
"""
