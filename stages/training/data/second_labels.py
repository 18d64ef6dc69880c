"""Labels of real people completed by a network that already learnt from them: a second round of self-training.

The teachers leave out who hides behind whom, and what they are unsure of. A student that also saw synthetic people, of
whom every pixel is known, has an opinion there; where it says the same of the mirrored picture and is sure, it counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from models.structures import SurfaceMap
from models.surface.charts import MIRROR_CHART
from stages.annotations.photos import IGNORE, PersonLabels

F32 = npt.NDArray[Any]
U8 = npt.NDArray[Any]

Reader = Callable[[U8, F32], SurfaceMap]
"""The surface of the person in a box (4) of a picture (H, W, 3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondLabels:
    """When the student's opinion counts.

    Attributes:
        fill: least confidence (0..1) with which it labels a cell that the teachers left open; above 1: never. From .5
            on the built-in weights are right of eight charts in ten on the world `val`.
        strike: least confidence with which its contradiction leaves a labelled cell open; above 1: never.
    """

    fill: float = 0.5
    strike: float = 1.1


def second_labels(rgb_HW3: U8, person: PersonLabels, read: Reader, rules: SecondLabels) -> PersonLabels:
    """A labelled person with the student's opinion.

    Args:
        rgb_HW3: the photo at its true aspect.
        person: box and region in its pixels.
    """
    chart_LL, sure_LL = opinion(rgb_HW3, person, read)
    label_LL, weight_LL = np.array(person.label_LL), np.array(person.weight_LL)
    left_open = label_LL == IGNORE
    filled = left_open & (sure_LL >= rules.fill)
    struck = ~left_open & (chart_LL != label_LL) & (sure_LL >= rules.strike)
    label_LL[filled] = chart_LL[filled]
    weight_LL[filled] = np.round(255 * sure_LL[filled]).astype(np.uint8)
    label_LL[struck] = IGNORE
    return replace(person, label_LL=label_LL, weight_LL=weight_LL)


def opinion(rgb_HW3: U8, person: PersonLabels, read: Reader) -> tuple[U8, F32]:
    """What the student says at the cells of a person's label map (L, L), and how sure it is.

    It is asked about the photo and about its mirror image; where the two differ, and where it said nothing, it is sure
    of nothing.
    """
    x0, y0, x1, y1 = person.region_4
    rows, columns = person.label_LL.shape
    x_L = x0 + (np.arange(columns) + 0.5) / columns * (x1 - x0)
    y_L = y0 + (np.arange(rows) + 0.5) / rows * (y1 - y0)
    width, box_4 = rgb_HW3.shape[1], person.box_4
    mirrored_4 = np.array([width - box_4[2], box_4[1], width - box_4[0], box_4[3]], np.float32)
    chart_LL, sure_LL = at_points(read(rgb_HW3, box_4), x_L, y_L)
    other_LL, other_sure_LL = at_points(read(np.ascontiguousarray(rgb_HW3[:, ::-1]), mirrored_4), width - x_L, y_L)
    agreed_LL = chart_LL == MIRROR_CHART[other_LL]
    return chart_LL, np.where(agreed_LL, np.minimum(sure_LL, other_sure_LL), 0)


def at_points(surface: SurfaceMap, x_L: F32, y_L: F32) -> tuple[U8, F32]:
    """Chart and confidence (L, L) at points given by columns and rows; sure of nothing outside of the grid."""
    assert surface.confidence_hw is not None
    height, width = surface.labels_hw.shape
    column_L, row_L = np.floor(x_L).astype(int) - surface.x0, np.floor(y_L).astype(int) - surface.y0
    seen_LL = ((row_L >= 0) & (row_L < height))[:, None] & ((column_L >= 0) & (column_L < width))[None]
    places = np.ix_(np.clip(row_L, 0, height - 1), np.clip(column_L, 0, width - 1))
    return surface.labels_hw[places] * seen_LL, surface.confidence_hw[places] * seen_LL
