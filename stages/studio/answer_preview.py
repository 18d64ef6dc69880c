"""A preview of a part's answers: the surface between the answered pixels, as lines of equal U and V on the image."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.spatial import cKDTree

from models.arrays import F32, U8, Bool, Float, Int
from models.files.png_image import png_of
from models.surface.chart_lookup import corner_mean, open_body_lookup
from models.surface.charted_mesh import open_body_mesh
from stages.drawing.isolines import line_strength
from stages.studio.views.part_views import part_views
from stages.studio.views.view_pictures import GRID_LINES, second_chart
from stages.studio.work.sheet import PersonWork

MIN_ANSWERS = 4
"""There is no preview with fewer answers: a thin plate through three points is a plane."""
CELLS = 120
"""Cells along the longer side of the part in which the surface is computed."""
MAX_PICTURE_SIDE = 480
"""Pixels of the longer side of the picture, at most."""
COLOURS: U8 = np.array([(192, 138, 78), (63, 134, 216)], np.uint8)
"""Colours of the lines on the first and on the second chart, RGB, as on the views."""


def answer_preview(work: PersonWork, part: int) -> tuple[tuple[int, int, int, int], bytes] | None:
    """The preview of a part as a transparent PNG, and its rectangle x0, y0, x1, y1 on the image.

    A thin-plate spline maps each pixel of the part to a point of the body at rest; the nearest point of the part's skin
    gives its chart, U and V. A wrong answer folds the grid.

    None with fewer than `MIN_ANSWERS` answers, and for a part that is not painted.
    """
    asked = work.asked.get(part, ())
    answered = [(point.x, point.y, point.answer) for point in asked if point.answer and point.answer.chart]
    label_hw = None if work.parts is None else work.parts.label_hw
    if work.parts is None or label_hw is None or not (label_hw == part).any():
        return None
    pixel_M2 = np.array([(x, y) for x, y, _ in answered], np.float64).reshape(-1, 2)
    if len(np.unique(pixel_M2, axis=0)) < MIN_ANSWERS or np.linalg.matrix_rank(pixel_M2 - pixel_M2[:1], tol=2) < 2:
        return None
    charted = zip(*((answer.chart, answer.u, answer.v) for _, _, answer in answered), strict=True)
    point_M3 = rest_points(*(np.array(values) for values in charted))
    rows, columns = np.flatnonzero((label_hw == part).any(axis=1)), np.flatnonzero((label_hw == part).any(axis=0))
    inside_hw = label_hw[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] == part
    x0, y0 = work.parts.x + int(columns[0]), work.parts.y + int(rows[0])
    chart_hw, uv_2hw = surface_between(part, inside_hw, pixel_M2 - (x0, y0), point_M3)
    png = _drawn(part, chart_hw, uv_2hw)
    return (x0, y0, x0 + inside_hw.shape[1], y0 + inside_hw.shape[0]), png


def rest_points(chart_M: Int, u_M: Float, v_M: Float) -> F32:
    """The points of the body at rest at M charts, U and V: (M, 3), metres."""
    mesh = open_body_mesh()
    return corner_mean(mesh.vertex_V3, mesh, open_body_lookup()(chart_M, u_M, v_M)).astype(np.float32)


@cache
def _skin(part: int) -> tuple[cKDTree, U8, F32]:
    """The skin of a part at all pixels of its views: a tree of K points, their charts (K,), and U, V (2, K)."""
    seen = part_views(part)
    inside = [view.chart_SS > 0 for view in seen]
    point_K3 = np.concatenate([view.point_SS3[mask] for view, mask in zip(seen, inside, strict=True)])
    chart_K = np.concatenate([view.chart_SS[mask] for view, mask in zip(seen, inside, strict=True)])
    uv_2K = np.concatenate([view.uv_2SS[:, mask] for view, mask in zip(seen, inside, strict=True)], axis=1)
    return cKDTree(point_K3), chart_K, uv_2K


def surface_between(part: int, inside_hw: Bool, pixel_M2: Float, point_M3: F32) -> tuple[U8, F32]:
    """Chart (h, w), and U and V (2, h, w), of a part's pixels, at a size of at most `MAX_PICTURE_SIDE` pixels.

    Args:
        inside_hw: the part's pixels.
        pixel_M2: x, y of the answered pixels.
        point_M3: their points on the body at rest, metres.
    """
    height, width = inside_hw.shape
    scale = min(1.0, MAX_PICTURE_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    step = max(1.0, max(height, width) / CELLS)
    y_h, x_w = np.arange(0, height + step, step), np.arange(0, width + step, step)
    grid_K2 = np.stack(np.meshgrid(x_w, y_h), axis=-1).reshape(-1, 2)
    point_K3 = RBFInterpolator(pixel_M2, point_M3, kernel="thin_plate_spline", smoothing=1e-6)(grid_K2)
    tree, chart_K, uv_2K = _skin(part)
    _, near_K = tree.query(point_K3)
    skin_hw3 = np.asarray(tree.data[near_K], np.float32).reshape(len(y_h), len(x_w), 3)
    # Points of the skin are interpolated between cells, because U and V jump where two charts meet.
    map_x, map_y = np.meshgrid(*((np.arange(n, dtype=np.float32) / scale / step) for n in size))
    point_hw3 = cv2.remap(skin_hw3, map_x.astype(np.float32), map_y.astype(np.float32), cv2.INTER_LINEAR)
    shown_hw = cv2.resize(inside_hw.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    chart_hw, uv_2hw = np.zeros(shown_hw.shape, np.uint8), np.zeros((2, *shown_hw.shape), np.float32)
    _, near_P = tree.query(point_hw3[shown_hw])
    chart_hw[shown_hw], uv_2hw[:, shown_hw] = chart_K[near_P], uv_2K[:, near_P]
    return chart_hw, uv_2hw


def _drawn(part: int, chart_hw: U8, uv_2hw: F32) -> bytes:
    """The grid as PNG with an alpha channel."""
    smooth_2hw = [cv2.GaussianBlur(value_hw, (0, 0), 1.5) for value_hw in uv_2hw]
    strength_hw = np.maximum(*(line_strength(value_hw, chart_hw, GRID_LINES, 0.4) for value_hw in smooth_2hw))
    colour_hw3 = COLOURS[(chart_hw == second_chart(part)).astype(np.intp)]
    rgba_hw4 = np.dstack([colour_hw3, (230 * strength_hw).astype(np.uint8)])
    return png_of(rgba_hw4)
