"""Converts a click on a view to a point of the surface, and a point to the pixels of the views that show it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.surface.chart_lookup import corner_mean, open_body_lookup
from models.surface.charted_mesh import open_body_mesh
from stages.studio.views.part_views import SIDE, part_views

CLICK_RADIUS = 6
"""A click beside the part selects its nearest pixel up to this distance, in pixels."""
SAME_POINT_M = 0.005
"""A view shows a point if the surface at the point's pixel is within this distance of it, in metres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartPoint:
    """A point of the surface: chart 1..24, U and V from 0 to 1."""

    chart: int
    u: float
    v: float


def clicked_point(part: int, view: int, x: float, y: float) -> ChartPoint | None:
    """The point of the surface under a click on a view; None for a click beside the part.

    Args:
        part: 1..14.
        view: 0..5.
        x, y: pixels of the view, 0..`SIDE`.
    """
    seen = part_views(part)[view]
    column, row = int(np.clip(x, 0, SIDE - 1)), int(np.clip(y, 0, SIDE - 1))
    if seen.chart_SS[row, column] == 0:
        left, top = max(column - CLICK_RADIUS, 0), max(row - CLICK_RADIUS, 0)
        near_K2 = np.argwhere(seen.chart_SS[top : row + CLICK_RADIUS + 1, left : column + CLICK_RADIUS + 1] > 0)
        if not len(near_K2):
            return None
        gap_K2 = near_K2 + np.array([top - row, left - column])
        gap_K = (gap_K2**2).sum(axis=1)
        row, column = row + int(gap_K2[gap_K.argmin(), 0]), column + int(gap_K2[gap_K.argmin(), 1])
        if gap_K.min() > CLICK_RADIUS**2:
            return None
    u, v = (float(np.clip(value, 0, 1)) for value in seen.uv_2SS[:, row, column])
    return ChartPoint(chart=int(seen.chart_SS[row, column]), u=u, v=v)


def views_of_point(part: int, point: ChartPoint) -> list[tuple[int, float, float]]:
    """The pixel of a point in each view that shows it: view, x, y."""
    points = open_body_lookup()(np.array([point.chart]), np.array([point.u]), np.array([point.v]))
    mesh = open_body_mesh()
    point_13 = corner_mean(mesh.vertex_V3, mesh, points).astype(np.float32)
    found = []
    for number, seen in enumerate(part_views(part)):
        x, y = (float(pixel) for pixel in seen.camera.to_pixels(seen.camera.to_camera(point_13))[0])
        if 0 <= x < SIDE and 0 <= y < SIDE:
            gap = np.linalg.norm(seen.point_SS3[int(y), int(x)] - point_13[0])
            if gap <= SAME_POINT_M:  # False for NaN, beside the part
                found.append((number, x, y))
    return found
