"""Worlds of single images, and the stress tests among them: what each contains, by name."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from stages.world.backgrounds.photos import Picture
from stages.world.camera.framing import LENS
from stages.world.clothes.patterns import PATTERNS
from stages.world.scene import LEAST_PIXELS


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a world contains. Worlds of other names share no random numbers, bodies or (where cheap) generators.

    Attributes:
        name: salts the seed.
        height, width: pixels of a scene.
        people: probability of 0, 1, 2 … people.
        tall: range of a person's height as a share of the image's height.
        poses: names in `POSES` and their probabilities.
        bodies: the share (from, to) of the sampled bodies it draws on.
        children: share of children.
        patterns, backdrops: names of cloth patterns and procedural backgrounds ("set": a place seen by the camera).
        backgrounds: pictures (paths or (H, W, 3) uint8 arrays) put behind people with probability `photo_share`.
        pitch: range of the camera's downward tilt, radians.
        roll: standard deviation of its roll, radians.
        lens: range of its focal length, in longer sides of the picture.
        occluded: probability that something stands before a person.
        occluders: how many things stand there then.
        skirts, locks, bags: shares of people in skirts and dresses, with long hair, with a bag.
        loose, hairdos: shares in coats, loose shirts, wide dresses or trousers; with hair of other cuts or a hat.
        heights: how adults' heights are spread: "even" over all the body can be, or as "human" ones.
        contact: share of scenes of two or more in which two shake hands, embrace or stand arm in arm.
        facing: range of headings, radians; 0 looks at the camera.
        weather: names in `WEATHER`, one of which each picture suffers.
        least: fewest visible pixels of a person that is annotated.
    """

    name: str
    height: int = 240
    width: int = 320
    people: tuple[float, ...] = (0.04, 0.36, 0.32, 0.18, 0.10)
    tall: tuple[float, float] = (0.22, 1.35)
    poses: tuple[tuple[str, float], ...] = (
        ("stand", 0.32), ("walk", 0.20), ("sit", 0.14), ("crouch", 0.10), ("dance", 0.18), ("lie", 0.04),
        ("upside_down", 0.02),
    )
    bodies: tuple[float, float] = (0.0, 0.7)
    children: float = 0.12
    patterns: tuple[str, ...] = PATTERNS
    backdrops: tuple[str, ...] = ("clouds", "room", "clutter", "set")
    backgrounds: tuple[Picture, ...] = ()
    photo_share: float = 0.8
    pitch: tuple[float, float] = (-0.15, 0.55)
    roll: float = 0.06
    lens: tuple[float, float] = LENS
    occluded: float = 0.25
    occluders: int = 1
    skirts: float = 0.0
    locks: float = 0.0
    bags: float = 0.0
    loose: float = 0.0
    hairdos: float = 0.0
    heights: str = "even"
    contact: float = 0.0
    facing: tuple[float, float] = (-np.pi, np.pi)
    weather: tuple[str, ...] = ()
    least: int = LEAST_PIXELS


_WIDE = World(name="wide", heights="human", skirts=0.12, locks=0.2, bags=0.12, loose=0.3, hairdos=0.3)

_BROAD = replace(
    _WIDE, name="broad", pitch=(-0.3, 1.0), roll=0.1, lens=(0.5, 3.0),
    poses=(
        ("stand", 0.22), ("walk", 0.15), ("sit", 0.10), ("crouch", 0.08), ("dance", 0.13), ("anyhow", 0.25),
        ("lie", 0.05), ("upside_down", 0.02),
    ),
)

_AGILE = replace(
    _BROAD, name="agile",
    poses=(
        ("stand", 0.06), ("walk", 0.06), ("sit", 0.08), ("crouch", 0.10), ("dance", 0.24), ("anyhow", 0.38),
        ("lie", 0.05), ("upside_down", 0.03),
    ),
)

WORLDS: dict[str, World] = {
    "train": World(name="train"),
    "val": World(
        name="val", bodies=(0.7, 1.0), patterns=("plain", "checks", "stripes", "dots"), backdrops=("street", "room"),
        poses=(("stand", 0.30), ("walk", 0.24), ("sit", 0.14), ("crouch", 0.10), ("dance", 0.20), ("lie", 0.02)),
    ),
    "wide": _WIDE,
    "broad": _BROAD,
    "agile": _AGILE,
    "supple": replace(
        _AGILE, name="supple",
        poses=(
            ("stand", 0.03), ("walk", 0.03), ("sit", 0.06), ("crouch", 0.08), ("dance", 0.22), ("anyhow", 0.25),
            ("leaning", 0.25), ("lie", 0.05), ("upside_down", 0.03),
        ),
    ),
}
"""Named worlds. `val` keeps apart from `train` by its random numbers, its bodies and partly its generators; `wide` is
`train` with clothes and hair of every kind; `broad` is `wide` with a quarter of people posed anyhow, seen from further
below and above, through wider and longer lenses; `agile` is `broad` with few who stand or walk: most dance, crouch or
are posed anyhow; `supple` is `agile` with a quarter of people whose trunk is far over."""

TURNED_AWAY = (np.pi - 0.7, np.pi + 0.7)

# Validation's people in both worlds' places, as tall as people are, some in skirts, with long hair or a bag.
_PLAIN = replace(
    WORLDS["val"], backdrops=("street", "room", "set", "clutter"), heights="human", skirts=0.1, locks=0.2,
    bags=0.1, occluded=0.0, people=(0.0, 0.6, 0.4), tall=(0.35, 0.85),
)


def _hard(tag: str, **changes: object) -> World:
    return replace(_PLAIN, name=f"stress_{tag}", **changes)  # type: ignore[arg-type]


STRESS_WORLDS: dict[str, World] = {
    world.name: world for world in (
        _hard("plain"),
        _hard("truncation", tall=(1.4, 2.6)),
        _hard("occlusion", occluded=1.0, occluders=3),
        _hard("low_light", weather=("night",)),
        _hard("blur", weather=("shaken", "unfocused")),
        _hard("rain", weather=("rain",)),
        _hard("small", tall=(0.042, 0.16), least=10),
        _hard("crowd", people=(0.0, 0.0, 0.0, 0.0, 0.2, 0.2, 0.2, 0.2, 0.1, 0.05, 0.05), tall=(0.3, 0.8)),
        _hard("contact", contact=1.0, people=(0.0, 0.0, 0.8, 0.2), children=0.0),
        _hard("loose", loose=1.0, hairdos=0.5, skirts=0.0),
        _hard("lying", poses=(("lie", 1.0),)),
        _hard("upside_down", poses=(("upside_down", 1.0),)),
        _hard("back", facing=TURNED_AWAY),
    )
}
"""By name; `stress_plain` is what the others are measured against: the same people without the difficulty."""
