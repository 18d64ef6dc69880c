"""Garments and outfits: regions of the body surface, given by a signed field per vertex, pushed outward a little.

Everything is a function of the position on the rest body, so it sticks to the skin and needs no textures. A hem is the
zero line of a field, so it stays sharp.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.arrays import F32
from stages.world.clothes.draping import ClothOutline, drape_outline, shoe_outline
from stages.world.clothes.patterns import PATTERNS, Pattern, random_pattern
from stages.world.clothes.rest_body import rest_body

Rng = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Garment:
    """A region of the body surface and its cloth.

    Attributes:
        field_V: signed field, about in metres; positive where the garment lies.
        thickness: offset from the skin, metres.
        folds: depth of the wrinkles, metres.
        pattern: colours.
        gloss: strength of the specular reflection, 0..1.
        outline: how the garment changes the outline of the body; None = not at all.
        outline_share: how much of that, 0..1.
    """

    field_V: F32
    thickness: float
    folds: float
    pattern: Pattern
    gloss: float = 0.05
    outline: ClothOutline | None = None
    outline_share: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outfit:
    """The clothes of one person, later garments on top of earlier ones, and the colours of the body."""

    garments: tuple[Garment, ...]
    skin_3: F32
    hair_3: F32
    iris_3: F32
    lips_3: F32


SKINS = np.array(
    [
        [0.96, 0.80, 0.69],
        [0.90, 0.70, 0.56],
        [0.80, 0.58, 0.42],
        [0.64, 0.43, 0.29],
        [0.46, 0.29, 0.19],
        [0.30, 0.19, 0.13],
    ],
    np.float32,
)

HAIRS = np.array(
    [
        [0.06, 0.05, 0.05],
        [0.16, 0.10, 0.06],
        [0.33, 0.20, 0.11],
        [0.62, 0.45, 0.24],
        [0.55, 0.22, 0.10],
        [0.62, 0.60, 0.58],
    ],
    np.float32,
)


def top_field(*, sleeve: float, hem_y: float, neck_y: float) -> F32:
    """Field of a shirt: down to height `hem_y` (metres), sleeves to `sleeve` (0 shoulder, 1 elbow, 2 wrist)."""
    rest = rest_body()
    lower = rest.point_V3[:, 1] - hem_y
    round_neck = neck_y - rest.point_V3[:, 1] + 0.8 * np.maximum(np.abs(rest.point_V3[:, 0]) - 0.07, 0)
    round_neck = round_neck - 0.35 * np.maximum(rest.point_V3[:, 2], 0)
    on_arm = rest.arm_V > -0.9
    arm = (sleeve - rest.arm_V) * 0.25
    return np.where(on_arm, np.minimum(arm, round_neck + 0.05), np.minimum(lower, round_neck)).astype(np.float32)


def trousers_field(*, leg: float, waist_y: float) -> F32:
    """Field of trousers: from height `waist_y` (metres) down to `leg` (0 hip, 1 knee, 2 ankle)."""
    rest = rest_body()
    upper = waist_y - rest.point_V3[:, 1]
    length = np.where(rest.leg_V > -0.9, (leg - rest.leg_V) * 0.4, 1.0)
    return np.where(rest.arm_V > -0.5, -1.0, np.minimum(upper, length)).astype(np.float32)


def shoes_field(*, height: float) -> F32:
    """Field of shoes up to `height` metres above the floor."""
    rest = rest_body()
    return np.where(rest.leg_V > 0.9, height - rest.point_V3[:, 1], -1.0).astype(np.float32)


def hair_cap(rng: Rng) -> tuple[F32, float]:
    """Field and thickness of a random cap of short hair."""
    rest = rest_body()
    x, y, z = rest.point_V3.T
    length = rng.choice([0.0, 0.05, 0.12, 0.2], p=[0.4, 0.25, 0.15, 0.2])
    line = y - 1.700 - rng.uniform(-0.008, 0.03) - 0.42 * np.clip(z - 0.03, -0.5, 0.2)
    sides = y - (1.665 - length) - 0.1 * np.abs(x)
    back = np.minimum(sides, 0.045 - z + 0.2 * np.maximum(y - 1.70, 0))
    field = np.where(rest.head_V > 0, np.maximum(line, back), -1.0)
    return field.astype(np.float32), float(rng.uniform(0.004, 0.022) + 0.05 * length)


def gloves_field() -> F32:
    """Field of gloves."""
    return (rest_body().arm_V - 1.97).astype(np.float32) * 0.2


def random_outfit(rng: Rng, patterns: tuple[str, ...] = PATTERNS) -> Outfit:
    """Random clothes, skin and hair of one person."""
    shade = rng.uniform(0, len(SKINS) - 1)
    low = int(shade)
    skin = SKINS[low] + (shade - low) * (SKINS[min(low + 1, len(SKINS) - 1)] - SKINS[low])
    hair_color = np.clip(HAIRS[rng.integers(len(HAIRS))] * rng.uniform(0.7, 1.3), 0, 1)
    garments = [
        *_lower_garments(rng, patterns),
        *_upper_garments(rng, patterns),
        *random_shoes(rng),
        *_random_gloves(rng, patterns),
        *random_short_hair(rng, patterns, hair_color),
    ]
    return Outfit(
        garments=tuple(garments), skin_3=np.clip(skin + rng.normal(0, 0.02, 3), 0.02, 1).astype(np.float32),
        hair_3=hair_color.astype(np.float32), iris_3=rng.uniform(0.05, 0.45, 3).astype(np.float32),
        lips_3=np.clip(skin * [1.0, 0.62, 0.60] + rng.normal(0, 0.03, 3), 0, 1).astype(np.float32),
    )


def _lower_garments(rng: Rng, patterns: tuple[str, ...]) -> list[Garment]:
    kind = rng.choice(["long", "knee", "short", "briefs", "tights"], p=[0.56, 0.14, 0.16, 0.04, 0.10])
    leg = {
        "long": rng.uniform(1.8, 2.0),
        "knee": rng.uniform(0.85, 1.25),
        "short": rng.uniform(0.3, 0.8),
        "briefs": 0.05,
        "tights": 1.95,
    }[str(kind)]
    loose = 0.004 if kind == "tights" else float(rng.uniform(0.006, 0.028))
    field = trousers_field(leg=float(leg), waist_y=float(rng.uniform(0.98, 1.10)))
    return [_sewn(rng, field, loose, patterns)]


def _sewn(rng: Rng, field_V: F32, loose: float, patterns: tuple[str, ...]) -> Garment:
    """A garment with the given offset from the skin (metres); looser cloth drapes more."""
    return Garment(
        field_V=field_V, thickness=loose, folds=0.35 * loose, pattern=random_pattern(rng, patterns),
        outline=drape_outline(), outline_share=min(1.0, loose / 0.010),
    )


def _upper_garments(rng: Rng, patterns: tuple[str, ...]) -> list[Garment]:
    kind = rng.choice(["tee", "long", "tank", "dress", "coat", "none"], p=[0.36, 0.32, 0.08, 0.08, 0.13, 0.03])
    if kind == "none":
        return []
    sleeve = {
        "tee": rng.uniform(0.2, 1.0),
        "long": rng.uniform(1.5, 2.0),
        "tank": -0.2,
        "dress": rng.uniform(-0.2, 1.9),
        "coat": 1.95,
    }[str(kind)]
    hem = {"dress": rng.uniform(0.45, 0.85), "coat": rng.uniform(0.5, 0.95)}.get(str(kind), rng.uniform(0.90, 1.06))
    loose = float(rng.uniform(0.005, 0.022)) + (0.012 if kind == "coat" else 0.0)
    field = top_field(sleeve=float(sleeve), hem_y=float(hem), neck_y=float(rng.uniform(1.46, 1.56)))
    return [_sewn(rng, field, loose, patterns)]


def random_shoes(rng: Rng) -> list[Garment]:
    """Shoes of random height; one person in ten has none."""
    if rng.random() >= 0.9:
        return []
    return [
        Garment(
            field_V=shoes_field(height=float(rng.uniform(0.07, 0.22))), thickness=float(rng.uniform(0.006, 0.012)),
            folds=0.0, pattern=random_pattern(rng, ("plain", "plain", "gradient", "stripes")), gloss=0.25,
            outline=shoe_outline(),
        )
    ]


def _random_gloves(rng: Rng, patterns: tuple[str, ...]) -> list[Garment]:
    if rng.random() >= 0.05:
        return []
    return [Garment(field_V=gloves_field(), thickness=0.004, folds=0.0, pattern=random_pattern(rng, patterns))]


def random_short_hair(rng: Rng, patterns: tuple[str, ...], hair_color: F32) -> list[Garment]:
    """Short hair for most, and a cap for some."""
    parts = []
    if rng.random() < 0.92:
        field, thick = hair_cap(rng)
        strands = Pattern(
            kind="stripes", first_3=hair_color, second_3=(hair_color * 0.82).astype(np.float32),
            direction_3=np.array([1, 0, 0.3], np.float32), size=0.0035, offset=float(rng.uniform(0, 5)),
        )
        parts.append(Garment(field_V=field, thickness=thick, folds=0.003, pattern=strands, gloss=0.3))
    if rng.random() < 0.15:
        above = rest_body().point_V3[:, 1] - rng.uniform(1.70, 1.73) + 0.1 * rest_body().point_V3[:, 2]
        field = np.where(rest_body().head_V > 0, above, -1).astype(np.float32)
        thick = float(rng.uniform(0.012, 0.03))
        parts.append(Garment(field_V=field, thickness=thick, folds=0.002, pattern=random_pattern(rng, patterns)))
    return parts
