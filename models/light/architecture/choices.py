"""The maps that are read of a crop: the person, and of every cell the likeliest charts, each with its own U and V."""

from __future__ import annotations

from models.arrays import F32

CHOICES = 2
"""Charts of a cell that an answer names. In given boxes, float32, AUC10 of 60 scenes of `far` and of `val` is .4643 and
.5386 with one, .4662 and .5398 with two, .4665 and .5400 with three, .4656 and .5402 with four."""


def choices(maps_LGG: F32) -> F32:
    """Of maps (1 + 4 K, G, G) the K choices of every cell, the likeliest first: chart, U, V, probability (K, 4, G, G).

    The first of the maps is the logit of the person. K is 1 where answers have become one.
    """
    return maps_LGG[1:].reshape(len(maps_LGG) // 4, 4, *maps_LGG.shape[1:])
