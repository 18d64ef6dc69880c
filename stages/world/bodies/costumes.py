"""Dresses people in skirts, coats, loose shirts, wide dresses and trousers, and gives them bags, hair and hats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from stages.world.bodies.people import Person
from stages.world.clothes.attachments import Attachment
from stages.world.clothes.bags import random_bag
from stages.world.clothes.draping import drape_outline
from stages.world.clothes.garments import Garment, hair_cap, top_field
from stages.world.clothes.hair_and_hats import beard, hair_pattern, hat, random_hair_style, random_long_hair
from stages.world.clothes.loose_clothing import coat, loose_shirt, wide_dress, wide_legs
from stages.world.clothes.patterns import Pattern, random_pattern
from stages.world.clothes.skirts import random_skirt

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
