"""Dresses people in skirts, coats, loose shirts, wide dresses and trousers, and gives them bags, hair and hats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from stages.world.bodies.people import Person
from stages.world.clothes.attachments import Attachment
from stages.world.clothes.bags import random_bag
from stages.world.clothes.draping import drape
from stages.world.clothes.garments import Garment, hair, top
from stages.world.clothes.hair_and_hats import beard, hat, random_hairdo, random_locks, strands
from stages.world.clothes.loose_clothing import coat, loose_shirt, wide_dress, wide_legs
from stages.world.clothes.patterns import Pattern, pattern
from stages.world.clothes.skirts import random_skirt


def in_skirt(person: Person, rng: Rng, patterns: tuple[str, ...]) -> Person:
    """The person in a skirt, or in a dress of the same cloth as the top; the trousers stay at home."""
    trousers, *others = person.outfit.garments
    tights = replace(trousers, thickness=0.003, folds=0.0, shape_share=0.3)
    legs = [tights] if rng.random() < 0.25 else []
    cloth = others[0].pattern if others and rng.random() < 0.5 else pattern(rng, patterns)
    outfit = replace(person.outfit, garments=(*legs, *others))
    return replace(person, outfit=outfit, attached=(*person.attached, random_skirt(rng, cloth)))


def with_bag(person: Person, rng: Rng, patterns: tuple[str, ...]) -> Person:
    """The person with something to carry."""
    return replace(person, attached=(*person.attached, random_bag(rng, pattern(rng, patterns))))


def with_locks(person: Person, rng: Rng) -> Person:
    """The person with long hair."""
    return replace(person, attached=(*person.attached, random_locks(rng, person.outfit.hair_3)))


Rng = np.random.Generator

Patterns = tuple[str, ...]


def _bodice(rng: Rng, cloth: Pattern, sleeve: float) -> Garment:
    """What the hanging part hangs from: the same cloth on shoulders, chest and arms."""
    field = top(sleeve=sleeve, hem_y=1.0, neck_y=float(rng.uniform(1.48, 1.56)))
    return Garment(field_V=field, thickness=0.010, folds=0.002, pattern=cloth, shape=drape())


def in_coat(person: Person, rng: Rng, patterns: Patterns) -> Person:
    """A coat over everything."""
    cloth = pattern(rng, patterns)
    outfit = replace(person.outfit, garments=(*person.outfit.garments, _bodice(rng, cloth, 1.95)))
    return replace(person, outfit=outfit, attached=(*person.attached, *coat(rng, cloth)))


def in_loose_shirt(person: Person, rng: Rng, patterns: Patterns) -> Person:
    """A shirt that hangs over the trousers; half of those are wide too."""
    cloth = pattern(rng, patterns)
    tubes = loose_shirt(rng, cloth)
    sleeve = float(rng.uniform(1.4, 1.95)) if len(tubes) > 1 else float(rng.uniform(0.2, 1.95))
    outfit = replace(person.outfit, garments=(*person.outfit.garments, _bodice(rng, cloth, sleeve)))
    worn = replace(person, outfit=outfit, attached=(*person.attached, *tubes))
    return in_wide_trousers(worn, rng, patterns) if rng.random() < 0.5 else worn


def in_wide_dress(person: Person, rng: Rng, patterns: Patterns) -> Person:
    """A dress from the chest on, sleeveless to long-sleeved; no trousers."""
    cloth = pattern(rng, patterns)
    garments = (*person.outfit.garments[1:], _bodice(rng, cloth, float(rng.uniform(-0.2, 1.9))))
    outfit = replace(person.outfit, garments=garments)
    return replace(person, outfit=outfit, attached=(*person.attached, *wide_dress(rng, cloth)))


def in_wide_trousers(person: Person, rng: Rng, patterns: Patterns) -> Person:
    """The trousers that are there, with wide legs."""
    legs = wide_legs(rng, person.outfit.garments[0].pattern)
    return replace(person, attached=(*person.attached, *legs))


COSTUMES: tuple[Callable[[Person, Rng, Patterns], Person], ...] = (
    in_coat,
    in_loose_shirt,
    in_wide_dress,
    in_wide_trousers,
)


def in_loose_clothes(person: Person, rng: Rng, patterns: Patterns) -> Person:
    """One of all these."""
    return COSTUMES[rng.integers(len(COSTUMES))](person, rng, patterns)


def with_hairdo(person: Person, rng: Rng, patterns: Patterns) -> Person:
    """Hair that stands, falls, or is tied, or a hat on hair; some have a beard as well."""
    hair_3 = person.outfit.hair_3
    field, thick = hair(rng)
    grown = [Garment(field_V=field, thickness=thick, folds=0.003, pattern=strands(rng, hair_3), gloss=0.3)]
    on_it: tuple[Attachment, ...] = random_hairdo(rng, hair_3)
    if rng.random() < 0.2:
        grown.append(beard(rng, hair_3))
    if rng.random() < 0.25:
        crown, brim = hat(rng, pattern(rng, patterns))
        grown.append(crown)
        on_it = (brim,)
    outfit = replace(person.outfit, garments=(*person.outfit.garments, *grown))
    return replace(person, outfit=outfit, attached=(*person.attached, *on_it))
