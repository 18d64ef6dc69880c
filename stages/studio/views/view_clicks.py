"""From a click on a view to a place on the surface, and from a place to the views that see it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.surface.chart_lookup import corner_mean, open_body_lookup
from models.surface.charted_mesh import open_body_mesh
from stages.studio.views.part_views import SIDE, part_views

REACH = 6
"""Pixels beside the part at which a click still counts for its nearest pixel."""
SAME_PLACE = 0.005
"""Metres: a view sees a place if the surface at its pixel is not further from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfacePlace:
    """A place on the surface: chart 1..24, U and V."""

    chart: int
    u: float
    v: float


def clicked_place(part: int, view: int, x: float, y: float) -> SurfacePlace | None:
    """The place under a click on a view; None for a click beside the part.

    Front or back chart follows from the click.

    Args:
        part: 1..14.
        view: 0..5.
        x, y: pixels of the view, 0..`SIDE`.
    """
    seen = part_views(part)[view]
    column, row = int(np.clip(x, 0, SIDE - 1)), int(np.clip(y, 0, SIDE - 1))
    if seen.chart_SS[row, column] == 0:
        left, top = max(column - REACH, 0), max(row - REACH, 0)
        near_K2 = np.argwhere(seen.chart_SS[top : row + REACH + 1, left : column + REACH + 1] > 0)
        if not len(near_K2):
            return None
        gap_K2 = near_K2 + np.array([top - row, left - column])
        gap_K = (gap_K2**2).sum(axis=1)
        row, column = row + int(gap_K2[gap_K.argmin(), 0]), column + int(gap_K2[gap_K.argmin(), 1])
        if gap_K.min() > REACH**2:
            return None
    u, v = (float(np.clip(one, 0, 1)) for one in seen.uv_2SS[:, row, column])
    return SurfacePlace(chart=int(seen.chart_SS[row, column]), u=u, v=v)


def views_of_place(part: int, place: SurfacePlace) -> list[tuple[int, float, float]]:
    """The views that see a place, each with its pixel (view, x, y)."""
    points = open_body_lookup()(np.array([place.chart]), np.array([place.u]), np.array([place.v]))
    mesh = open_body_mesh()
    point_13 = corner_mean(mesh.vertex_V3, mesh, points).astype(np.float32)
    found = []
    for number, seen in enumerate(part_views(part)):
        x, y = (float(at) for at in seen.camera.to_pixels(seen.camera.to_camera(point_13))[0])
        if 0 <= x < SIDE and 0 <= y < SIDE:
            gap = np.linalg.norm(seen.point_SS3[int(y), int(x)] - point_13[0])
            if gap <= SAME_PLACE:  # never of NaN
                found.append((number, x, y))
    return found
