"""Worlds that are hard in one way each, to say what a network can't do. Their names after `stress_` are the tags."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from stages.world.worlds import WORLDS, World

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
