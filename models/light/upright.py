"""Who lies or stands on their hands, read upright: which way is up by what was read, and crops turned that way.

The network was shown people turned by any angle, but few. Of people who lie (60 scenes of `stress_lying`, given boxes)
the first reading mostly has head, torso and legs in their places, so that it tells which way is up, while it mistakes
the parts: read again as it says, AUC10 goes from .17 to .31. All four turns read, and the surest taken, give no more.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[Any]

HEAD, TORSO = (23, 24), (1, 2)
LEGS = (5, 6, 7, 8, 9, 10, 11, 12, 13, 14)
LEAST_CELLS = 4.0
"""Cells of a part, each counted as sure as it is, without which the part says nothing."""
LEAST_PERSON = 20
"""Cells of a person without which a reading is not sure of anything."""


def way_up(maps_5GG: F32) -> int:
    """By how many quarter turns anticlockwise a crop shows its person upright, 0 to 3, by the maps read of it.

    Up is from the torso to the head and from the legs to the torso; 0 where neither can be told.
    """
    head, torso, legs = (_centre(maps_5GG, charts) for charts in (HEAD, TORSO, LEGS))
    pairs = ((head, torso), (torso, legs)) if torso is not None else ((head, legs),)
    up_2 = np.zeros(2)
    for high, low in pairs:
        if high is not None and low is not None:
            up_2 += high - low
    return round(np.arctan2(up_2[1], -up_2[0]) / (np.pi / 2)) % 4 if up_2.any() else 0


def _centre(maps_5GG: F32, charts: tuple[int, ...]) -> F32 | None:
    """The row and column about which the cells of some charts lie; None where there are too few."""
    sure_GG = np.where((maps_5GG[0] > 0) & np.isin(maps_5GG[1], charts), maps_5GG[4], 0)
    total = sure_GG.sum()
    if total < LEAST_CELLS:
        return None
    rows, columns = (np.arange(length) for length in sure_GG.shape)
    return np.array([sure_GG.sum(1) @ rows, sure_GG.sum(0) @ columns]) / total


def turned(crop_CC3: F32, quarters: int) -> F32:
    """A square picture (C,C,3) turned anticlockwise."""
    return np.ascontiguousarray(np.rot90(crop_CC3, quarters))


def turned_back(maps_5GG: F32, quarters: int) -> F32:
    """The maps of a turned crop as those of the crop."""
    return np.ascontiguousarray(np.rot90(maps_5GG, -quarters, axes=(1, 2)))


def sureness(maps_5GG: F32) -> float:
    """How probable the charts of the person's cells are in the mean; 0 where there is hardly anybody."""
    person_GG = maps_5GG[0] > 0
    return float(maps_5GG[4][person_GG].mean()) if person_GG.sum() >= LEAST_PERSON else 0.0
