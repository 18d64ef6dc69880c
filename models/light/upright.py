"""Who leans, bows or lies, read upright: by how much by what was read, and the crop that shows them so.

The network was mostly shown people who stand up straight. What it reads of others mostly has head, torso and legs in
their places, so that it tells which way is up, while it mistakes parts: read again as it says, by any angle, AUC10 of
people in given boxes goes from .449 to .465 on 160 scenes of `far`, from .539 to .546 on 100 of `val`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from models.light.answers import LEAST_PERSON
from models.light.assembly import OUTLINE
from models.light.region import crop_region
from models.light.view import View, mapped, turn_about

F32 = npt.NDArray[Any]

HEAD, TORSO = (23, 24), (1, 2)
LEGS = (5, 6, 7, 8, 9, 10, 11, 12, 13, 14)
LEAST_CELLS = 4.0
"""Cells of a part, each counted as sure as it is, without which the part says nothing."""


def lean(maps_LGG: F32, view: View) -> float:
    """By how many degrees a person leans clockwise, -180 to 180, in the frame, by the maps read of a view of it.

    Up is from the torso to the head and from the legs to the torso; 0 where neither can be told.
    """
    return lean_of(*(_centre(maps_LGG, charts, view) for charts in (HEAD, TORSO, LEGS)))


def lean_of(head: F32 | None, torso: F32 | None, legs: F32 | None) -> float:
    """The same of the x and y (2) about which head, torso and legs lie, None for what is not seen."""
    pairs = ((head, torso), (torso, legs)) if torso is not None else ((head, legs),)
    up_2 = np.zeros(2)
    for high, low in pairs:
        if high is not None and low is not None:
            up_2 += high - low
    return float(np.degrees(np.arctan2(up_2[0], -up_2[1]))) if up_2.any() else 0.0


def upright_view(maps_LGG: F32, view: View, leaning: float) -> View | None:
    """The view that shows the person of a view upright, about as large as a box's crop does; None where nobody is.

    By whole degrees about a whole pixel: what a network says has other last bits on other numbers of threads, and crops
    are not to differ for them.

    Args:
        maps_LGG: what was read of the person.
        view: of these maps.
        leaning: degrees by which the person leans (see `lean`); with some taken off, they lean by so many there.
    """
    at_2K = _places(np.argwhere(maps_LGG[0] > OUTLINE).T[::-1], maps_LGG.shape[-1], view)
    if at_2K.shape[1] < LEAST_PERSON:
        return None
    turn_33 = turn_about(np.round(at_2K.mean(1)), -round(leaning))
    upright_2K = mapped(turn_33, at_2K)
    bounds_4 = np.concatenate([upright_2K.min(1), upright_2K.max(1)]).astype(np.float32)
    return View.straight(crop_region(bounds_4)).before(turn_33)


def _centre(maps_LGG: F32, charts: tuple[int, ...], view: View) -> F32 | None:
    """The x and y about which the cells of some charts lie in the frame; None where there are too few."""
    sure_GG = np.where((maps_LGG[0] > 0) & np.isin(maps_LGG[1], charts), maps_LGG[4], 0)
    total = sure_GG.sum()
    if total < LEAST_CELLS:
        return None
    cells = np.arange(len(sure_GG))
    cell_2 = np.array([(sure_GG.sum(axis) * cells).sum() for axis in (0, 1)]) / total
    return _places(cell_2[:, None], len(sure_GG), view)[:, 0]


def _places(cell_2K: Any, cells: int, view: View) -> npt.NDArray[np.floating]:
    """Columns and rows (2, K) of a view's grid as places in the frame."""
    return view.places((cell_2K + 0.5) / cells)
