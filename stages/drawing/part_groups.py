"""Groups of charts by name: limbs, garments and sides of the body."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.body.charts import CHART_NAMES
from models.nearest_name import suggest_name
from stages.payloads import U8


def _named(*words: str) -> frozenset[int]:
    """Charts whose name contains all words of one of the phrases."""
    return frozenset(
        chart for chart, name in enumerate(CHART_NAMES) if any(set(w.split()) <= set(name.split()) for w in words)
    )


PART_GROUPS: dict[str, frozenset[int]] = {
    "shirt": _named("torso", "upper arm"),
    "sleeves": _named("lower arm"),
    "trousers": _named("leg"),
    "shorts": _named("upper leg"),
    "shoes": _named("foot"),
    "gloves": _named("hand"),
    "clothes": _named("torso", "arm", "leg", "foot"),
    "skin": _named("head", "hand"),
    "head": _named("head"),
    "torso": _named("torso"),
    "arms": _named("arm"),
    "upper_arms": _named("upper arm"),
    "lower_arms": _named("lower arm"),
    "hands": _named("hand"),
    "legs": _named("leg"),
    "upper_legs": _named("upper leg"),
    "lower_legs": _named("lower leg"),
    "feet": _named("foot"),
    "left": _named("left"),
    "right": _named("right"),
    **{name.replace(" ", "_"): frozenset({chart}) for chart, name in enumerate(CHART_NAMES) if chart},
}
"""The values of `render.only`: garments, limbs, sides, and every chart by its own name."""


def charts_of(names: Sequence[str]) -> frozenset[int]:
    """The charts of some groups. Raises ValueError that suggests the nearest known group."""
    charts: set[int] = set()
    for name in names:
        if name not in PART_GROUPS:
            raise ValueError(f"there is no part {name!r}: {suggest_name(name, PART_GROUPS)}")
        charts |= PART_GROUPS[name]
    return frozenset(charts)


def label_filter(charts: frozenset[int]) -> U8:
    """A lookup table of 256 labels that keeps some charts and maps the others to background."""
    table_256 = np.zeros(256, np.uint8)
    table_256[sorted(charts)] = sorted(charts)
    return table_256
