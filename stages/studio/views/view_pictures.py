"""Draws a part's six views for annotators: with light, a grid of U and V, and a tint for each chart."""

from __future__ import annotations

from functools import cache

import numpy as np

from models.arrays import F32, U8
from models.body.charts import COARSE_OF_CHART
from models.files.png_image import png_of
from stages.drawing.isolines import line_strength
from stages.studio.views.part_views import PartView, part_views

GRID_LINES = 8
"""Lines of equal U, and of equal V, across a chart."""
TINTS: F32 = np.array([(232, 214, 196), (190, 212, 232)], np.float32)
"""Colours of a part's first and second chart."""
PAPER = (245, 245, 245)
"""Background colour, RGB."""
LAMP: F32 = np.array([-0.35, -0.45, -0.82], np.float32)
"""Direction to the light in the camera's axes: to the upper left."""
AMBIENT = 0.45
"""Brightness of surfaces without direct light, as a share of the brightest."""
LINE_HALF_WIDTH, LINE_STRENGTH = 0.2, 0.3
"""Half width of grid lines in pixels, and by which share they darken the colour."""
BORDER_STRENGTH = 0.7
"""By which share the border between two charts is darker."""
COLUMNS = 3
"""Views in a row of the picture."""


@cache
def views_png(part: int) -> bytes:
    """All six views of a part as one PNG: two rows of three."""
    tiles = [view_picture(seen, part) for seen in part_views(part)]
    rows = [np.concatenate(tiles[first : first + COLUMNS], axis=1) for first in range(0, len(tiles), COLUMNS)]
    return png_of(np.concatenate(rows))


def second_chart(part: int) -> int:
    """The chart of a part that its views show in the second tint."""
    return int(np.flatnonzero(part == COARSE_OF_CHART)[-1])


def view_picture(seen: PartView, part: int) -> U8:
    """One view of a part, RGB (S, S, 3)."""
    inside_SS = seen.chart_SS > 0
    second_SS = seen.chart_SS == second_chart(part)
    tint_SS3 = np.where(second_SS[..., None], TINTS[1], TINTS[0])
    light_SS = AMBIENT + (1 - AMBIENT) * np.clip(seen.normal_SS3 @ LAMP, 0, 1)
    shade_SS = light_SS * (1 - LINE_STRENGTH * _grid(seen)) * (1 - BORDER_STRENGTH * _borders(seen.chart_SS))
    return np.where(inside_SS[..., None], np.clip(tint_SS3 * shade_SS[..., None], 0, 255), PAPER).astype(np.uint8)


def _grid(seen: PartView) -> F32:
    lines = [line_strength(value_SS, seen.chart_SS, GRID_LINES, LINE_HALF_WIDTH) for value_SS in seen.uv_2SS]
    return np.maximum(lines[0], lines[1])


def _borders(chart_SS: U8) -> F32:
    """1 where a pixel's neighbour is of the part's other chart."""
    border_SS = np.zeros(chart_SS.shape, np.float32)
    for first, other in ((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[1:], np.s_[:-1])):
        a, b = chart_SS[first], chart_SS[other]
        border_SS[first] = np.maximum(border_SS[first], (a != b) & (a > 0) & (b > 0))
    return border_SS
