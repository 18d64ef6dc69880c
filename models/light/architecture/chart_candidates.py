"""The layout of the maps of one crop: the person, and for every cell the most probable charts with their U and V."""

from __future__ import annotations

from models.arrays import F32

CANDIDATES = 2
"""Charts that a prediction keeps for each cell."""


def chart_candidates(maps_LGG: F32) -> F32:
    """The K candidates of every cell, most probable first: chart 1..24, U, V, probability; (K, 4, G, G).

    Args:
        maps_LGG: maps of a crop, (1 + 4 K, G, G); the first is the logit of the person. K is 1 for an ensemble.
    """
    return maps_LGG[1:].reshape(len(maps_LGG) // 4, 4, *maps_LGG.shape[1:])
