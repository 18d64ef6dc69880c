"""Dresses people in skirts, coats, loose shirts, wide dresses and trousers, and gives them bags, hair and hats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from models.arrays import F32
from stages.world.bodies.people import Person
from stages.world.clothes.attachments import Attachment
from stages.world.clothes.bags import random_bag
from stages.world.clothes.draping import drape_outline
from stages.world.clothes.garments import Garment, hair_cap, random_shoes, random_short_hair, top_field
from stages.world.clothes.hair_and_hats import beard, hair_pattern, hat, random_hair_style, random_long_hair
from stages.world.clothes.loose_clothing import coat, loose_shirt, wide_dress, wide_legs
from stages.world.clothes.patterns import Pattern, random_pattern
from stages.world.clothes.skirts import random_skirt
from stages.world.clothes.wardrobe import WornMesh, hidden_skin, wardrobe_names, wardrobe_piece

Rng = np.random.Generator
Patterns = tuple[str, ...]


def in_skirt(person: Person, rng: Rng, patterns: Patterns) -> Person:
    """The person in a skirt instead of trousers, or in a dress: a skirt of the same cloth as the top."""
    trousers, *others = person.outfit.garments
    tights = replace(trousers, thickness=0.003, folds=0.0, outline_share=0.3)
    legs = [tights] if rng.random() < 0.25 else []
    cloth = others[0].pattern if others and rng.random() < 0.5 else random_pattern(rng, patterns)
    outfit = replace(person.outfit, garments=(*legs, *others))
    return replace(person, outfit=outfit, attachments=(*person.attachments, random_skirt(rng, cloth)))


def with_bag(person: Person, rng: Rng, patterns: Patterns) -> Person:
    """The person with a bag."""
    return replace(person, attachments=(*person.attachments, random_bag(rng, random_pattern(rng, patterns))))


def with_long_hair(person: Person, rng: Rng) -> Person:
    """The person with long hair."""
    return replace(person, attachments=(*person.attachments, random_long_hair(rng, person.outfit.hair_3)))


def _bodice(rng: Rng, cloth: Pattern, sleeve: float) -> Garment:
    """The upper part of a loose garment: the same cloth on shoulders, chest and arms."""
    field = top_field(sleeve=sleeve, hem_y=1.0, neck_y=float(rng.uniform(1.48, 1.56)))
    return Garment(field_V=field, thickness=0.010, folds=0.002, pattern=cloth, outline=drape_outline())


def in_coat(person: Person, rng: Rng, patterns: Patterns) -> Person:
    """The person in a coat over the other clothes."""
    cloth = random_pattern(rng, patterns)
    outfit = replace(person.outfit, garments=(*person.outfit.garments, _bodice(rng, cloth, 1.95)))
    return replace(person, outfit=outfit, attachments=(*person.attachments, *coat(rng, cloth)))


def in_loose_shirt(person: Person, rng: Rng, patterns: Patterns) -> Person:
    """The person in a shirt that hangs over the trousers; half of the trousers are wide too."""
    cloth = random_pattern(rng, patterns)
    tubes = loose_shirt(rng, cloth)
    sleeve = float(rng.uniform(1.4, 1.95)) if len(tubes) > 1 else float(rng.uniform(0.2, 1.95))
    outfit = replace(person.outfit, garments=(*person.outfit.garments, _bodice(rng, cloth, sleeve)))
    worn = replace(person, outfit=outfit, attachments=(*person.attachments, *tubes))
    return in_wide_trousers(worn, rng, patterns) if rng.random() < 0.5 else worn


def in_wide_dress(person: Person, rng: Rng, patterns: Patterns) -> Person:
    """The person in a wide dress, sleeveless to long-sleeved, without trousers."""
    cloth = random_pattern(rng, patterns)
    garments = (*person.outfit.garments[1:], _bodice(rng, cloth, float(rng.uniform(-0.2, 1.9))))
    outfit = replace(person.outfit, garments=garments)
    return replace(person, outfit=outfit, attachments=(*person.attachments, *wide_dress(rng, cloth)))


def in_wide_trousers(person: Person, rng: Rng, patterns: Patterns) -> Person:
    """The person with wide legs on the trousers."""
    legs = wide_legs(rng, person.outfit.garments[0].pattern)
    return replace(person, attachments=(*person.attachments, *legs))


COSTUMES: tuple[Callable[[Person, Rng, Patterns], Person], ...] = (
    in_coat,
    in_loose_shirt,
    in_wide_dress,
    in_wide_trousers,
)


def in_loose_clothes(person: Person, rng: Rng, patterns: Patterns) -> Person:
    """The person in a random one of `COSTUMES`."""
    return COSTUMES[rng.integers(len(COSTUMES))](person, rng, patterns)


def with_hair_style(person: Person, rng: Rng, patterns: Patterns) -> Person:
    """The person with a hair style or a hat; some have a beard as well."""
    hair_3 = person.outfit.hair_3
    field, thick = hair_cap(rng)
    grown = [Garment(field_V=field, thickness=thick, folds=0.003, pattern=hair_pattern(rng, hair_3), gloss=0.3)]
    on_it: tuple[Attachment, ...] = random_hair_style(rng, hair_3)
    if rng.random() < 0.2:
        grown.append(beard(rng, hair_3))
    if rng.random() < 0.25:
        crown, brim = hat(rng, random_pattern(rng, patterns))
        grown.append(crown)
        on_it = (brim,)
    outfit = replace(person.outfit, garments=(*person.outfit.garments, *grown))
    return replace(person, outfit=outfit, attachments=(*person.attachments, *on_it))


DENIM = np.array([0.18, 0.25, 0.42], np.float32)


def in_wardrobe_clothes(person: Person, rng: Rng, patterns: Patterns) -> Person:
    """The person in clothes, shoes and hair of the wardrobe; some keep their own shoes or hair."""
    hair_3 = person.outfit.hair_3
    kinds = ["whole"] if rng.random() < 0.15 else ["lower", "upper"] if rng.random() < 0.97 else ["lower"]
    worn = [_random_piece(rng, kind, patterns) for kind in kinds]
    grown: list[Garment] = []
    if rng.random() < 0.75:
        shoes = _random_piece(rng, "shoes", ("plain", "plain", "gradient", "stripes"))
        worn.insert(0, _without_socks(shoes) if worn[0].lowest() < 0.3 else shoes)
    else:
        grown += random_shoes(rng)
    if rng.random() < 0.7:
        worn.append(_random_hair(rng, hair_3))
    else:
        grown += random_short_hair(rng, patterns, hair_3)
    if rng.random() < 0.12:
        worn.append(_random_piece(rng, "hat", patterns))
    painted = [Garment(field_V=one.field_V, thickness=0, folds=0, pattern=one.skin) for one in worn if one.skin]
    return replace(
        person, outfit=replace(person.outfit, garments=(*painted, *grown)),
        worn=tuple(part for one in worn for part in one.parts),
        hidden_V=hidden_skin(tuple(one.field_V for one in worn)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WornPiece:
    """A piece of the wardrobe as one person wears it.

    Attributes:
        parts: its parts.
        field_V: field of the skin under it, as in `WardrobePiece`.
        skin: the pattern of that skin, which shows where it comes through; None = as it is.
    """

    parts: tuple[WornMesh, ...]
    field_V: F32
    skin: Pattern | None

    def lowest(self) -> float:
        """Height of its lower end on the mean body, metres."""
        return min(float(part.mesh.surface.rest_W3[:, 1].min()) for part in self.parts)


def _without_socks(shoes: WornPiece) -> WornPiece:
    """The shoes for someone in long trousers, through which socks would come. Socks are the second part."""
    return replace(shoes, parts=(shoes.parts[0], *shoes.parts[2:]))


def _random_piece(rng: Rng, kind: str, patterns: Patterns) -> WornPiece:
    """A random piece of a kind. Its largest part is in one cloth, the others in the same or in one of their own."""
    piece = wardrobe_piece(kind, str(rng.choice(wardrobe_names()[kind])))
    cloth = random_pattern(rng, patterns)
    if kind == "lower" and rng.random() < 0.4:
        blue = np.clip(DENIM * rng.uniform(0.4, 1.8), 0, 1).astype(np.float32)
        cloth = replace(cloth, kind="blotches", first_3=blue, second_3=(blue * rng.uniform(0.7, 1.3)).clip(0, 1))
    loose = {"upper": rng.uniform(0.004, 0.014), "whole": rng.uniform(0, 0.01)}.get(kind, 0.0)
    cloths = [cloth, *(cloth if rng.random() < 0.3 else random_pattern(rng, patterns) for _ in piece.parts[1:])]
    parts = tuple(
        WornMesh(
            mesh=mesh, pattern=one, gloss=0.25 if kind == "shoes" else 0.05,
            wrinkles=0.0 if kind in ("shoes", "hat") else 0.1, loose=float(loose), carries=kind == "shoes",
        )
        for mesh, one in zip(piece.parts, cloths, strict=True)
    )
    # Socks are the second part of shoes. Under a hat the head keeps its hair.
    skin = None if kind == "hat" else cloths[1] if kind == "shoes" else cloth
    return WornPiece(parts=parts, field_V=piece.field_V, skin=skin)


def _random_hair(rng: Rng, hair_3: F32) -> WornPiece:
    """Random hair of the wardrobe in a colour."""
    piece = wardrobe_piece("hair", str(rng.choice(wardrobe_names()["hair"])))
    cloth = hair_pattern(rng, hair_3)
    parts = tuple(WornMesh(mesh=mesh, pattern=cloth, gloss=0.3) for mesh in piece.parts)
    return WornPiece(parts=parts, field_V=piece.field_V, skin=cloth)
