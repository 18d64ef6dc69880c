"""Exact visibility of points from a camera, at any position in the image and not only at pixel centres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.arrays import F32, Bool, Index
from models.surface.raster import Facing, greatest, least, rectangle_cells

SLACK = 1e-3
"""A face occludes a point only if it is nearer by more than this share of the depth, because points lie on faces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occluders:
    """Faces in front of a camera, indexed by the pixels that they touch.

    Attributes:
        seen: the T faces that can occlude.
        face_K, pixel_K: pairs of a face and a pixel (row · width + column) that the face's box touches.
        front_K: inverse depth of the face's nearest corner.
        front_HW: greatest inverse depth in each pixel, flat; 0 without a face.
    """

    seen: Facing
    face_K: Index
    pixel_K: Index
    front_K: F32
    front_HW: F32


def occluders_of(seen: Facing) -> Occluders:
    """Index faces as occluders."""
    width, height = seen.camera.width, seen.camera.height
    left_T, right_T = (_pixel(value(seen.x_3T), width) for value in (least, greatest))
    top_T, bottom_T = (_pixel(value(seen.y_3T), height) for value in (least, greatest))
    face_K, column_K, row_K = rectangle_cells(left_T, top_T, right_T - left_T + 1, bottom_T - top_T + 1)
    pixel_K = row_K * width + column_K
    front_K = greatest(seen.inverse_3T)[face_K]
    front_HW = np.zeros(width * height, np.float32)
    np.maximum.at(front_HW, pixel_K, front_K)
    return Occluders(seen=seen, face_K=face_K, pixel_K=pixel_K, front_K=front_K, front_HW=front_HW)


def _pixel(place_T: F32, size: int) -> Index:
    """The pixel that contains a position, clamped to the image."""
    return np.clip(np.floor(place_T), 0, size - 1).astype(np.intp)


def occluded(before: Occluders, pixel_Q2: F32, depth_Q: F32) -> Bool:
    """Which points are occluded by a face.

    Args:
        before: the occluders.
        pixel_Q2, depth_Q: the points: positions in pixels, and depths in metres. Points outside of the image are never
            occluded.
    """
    face_K, query_K = _meetings(before, pixel_Q2, depth_Q)
    seen = before.seen
    corner_x, corner_y = seen.x_3T.take(face_K, axis=1).astype(np.float64), seen.y_3T.take(face_K, axis=1)
    (ax, bx, cx), (ay, by, cy) = corner_x, corner_y
    x, y = pixel_Q2[:, 0][query_K] - ax, pixel_Q2[:, 1][query_K] - ay
    bx, by, cx, cy = bx - ax, by - ay, cx - ax, cy - ay
    area = bx * cy - by * cx
    of_b = (x * cy - y * cx) / area
    of_c = (bx * y - by * x) / area
    of_a = 1 - of_b - of_c
    near_a, near_b, near_c = seen.inverse_3T.take(face_K, axis=1)
    near_K = of_a * near_a + of_b * near_b + of_c * near_c
    covers = (of_a >= 0) & (of_b >= 0) & (of_c >= 0) & (near_K * depth_Q[query_K] > 1 + SLACK)
    result = np.zeros(len(pixel_Q2), bool)
    result[query_K[covers]] = True
    return result


def _meetings(before: Occluders, pixel_Q2: F32, depth_Q: F32) -> tuple[Index, Index]:
    """Pairs (face, point) where the point lies in the face's box and a corner of the face may be nearer."""
    height, width = before.seen.camera.height, before.seen.camera.width
    x, y = pixel_Q2[:, 0], pixel_Q2[:, 1]
    query = np.flatnonzero((x >= 0) & (y >= 0) & (x < width) & (y < height))
    cell = y[query].astype(np.intp) * width + x[query].astype(np.intp)
    # Skip points with no nearer face in their pixel: most of an image is empty, and most points are in front.
    candidate = np.flatnonzero(before.front_HW[cell] * depth_Q[query] > 1 + SLACK)
    order = candidate[np.argsort(cell[candidate], kind="stable")]
    query, cell = query[order], cell[order]
    points = np.bincount(cell, minlength=width * height)
    start = np.cumsum(points) - points
    # Skip faces whose nearest corner is behind all points of the pixel: these are most faces of the same surface.
    deepest_HW = np.zeros(width * height, np.float32)
    np.maximum.at(deepest_HW, cell, depth_Q[query])
    met = np.flatnonzero(before.front_K * deepest_HW[before.pixel_K] > 1 + SLACK)
    pixel = before.pixel_K[met]
    many = points[pixel]
    place = np.arange(int(many.sum())) - np.repeat(np.cumsum(many) - many - start[pixel], many)
    face_K, query_K = np.repeat(before.face_K[met], many), query[place]
    x_K, y_K, seen = x[query_K], y[query_K], before.seen
    boxed = (x_K >= least(seen.x_3T)[face_K]) & (x_K <= greatest(seen.x_3T)[face_K])
    boxed &= (y_K >= least(seen.y_3T)[face_K]) & (y_K <= greatest(seen.y_3T)[face_K])
    kept = np.flatnonzero(boxed)
    return face_K[kept], query_K[kept]
