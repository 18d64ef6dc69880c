"""Whether a camera sees a point: exact, at any place in the picture and not only at pixel centres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.surface.raster import NEAR, Camera

F32 = npt.NDArray[np.float32]
Bool = npt.NDArray[np.bool_]
Index = npt.NDArray[np.intp]

SLACK = 1e-3
"""A face hides a point when it is nearer by more than this share of the depth: a point lies on its own face."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """Faces before a camera, sorted by the pixels they touch: made once, it answers for any points.

    Attributes:
        camera: whose picture it is.
        corner_T32, inverse_T3: corners of the T faces that can hide anything, in pixels, and their inverse depths.
        face_K, pixel_K: pairs of a face and a pixel (row · width + column) that its box touches.
    """

    camera: Camera
    corner_T32: F32
    inverse_T3: F32
    face_K: Index
    pixel_K: Index


def screen(camera: Camera, camera_V3: F32, face_F3: npt.NDArray[np.integer], *, cull: bool = True) -> Screen:
    """Faces as things that hide.

    Args:
        camera_V3: vertices in camera axes.
        cull: faces seen from behind hide nothing, as in `rasterize`.
    """
    corner_T32, inverse_T3 = _fronts(camera, camera_V3, face_F3, cull=cull)
    limit = np.array([camera.width - 1, camera.height - 1])
    a, b, c = corner_T32[:, 0], corner_T32[:, 1], corner_T32[:, 2]
    low = np.clip(np.floor(np.minimum(np.minimum(a, b), c)).astype(np.int64), 0, limit)
    high = np.clip(np.floor(np.maximum(np.maximum(a, b), c)).astype(np.int64), 0, limit)
    wide = high[:, 0] - low[:, 0] + 1
    count = wide * (high[:, 1] - low[:, 1] + 1)
    face_K = np.repeat(np.arange(len(count)), count)
    within_K = np.arange(len(face_K)) - np.repeat(np.cumsum(count) - count, count)
    wide_K = np.repeat(wide, count)
    down_K = within_K // wide_K
    first_K = np.repeat(low[:, 1] * camera.width + low[:, 0], count)
    return Screen(
        camera=camera, corner_T32=corner_T32, inverse_T3=inverse_T3, face_K=face_K,
        pixel_K=first_K + within_K + down_K * (camera.width - wide_K),
    )


def hidden(before: Screen, pixel_Q2: F32, depth_Q: F32) -> Bool:
    """Which points have a face before them.

    Args:
        pixel_Q2, depth_Q: the points: pixels in the picture (those outside are never hidden), and metres away.
    """
    face_K, query_K = _meetings(before, pixel_Q2)
    corner_T32, inverse_T3 = before.corner_T32, before.inverse_T3
    nearest_T = np.maximum(np.maximum(inverse_T3[:, 0], inverse_T3[:, 1]), inverse_T3[:, 2])
    # A face whose nearest corner lies behind a point cannot hide it: so fall nearly all of a surface's own faces.
    able = np.flatnonzero(nearest_T[face_K] * depth_Q[query_K] > 1 + SLACK)
    face_K, query_K = face_K[able], query_K[able]
    (ax, ay), (bx, by), (cx, cy) = np.ascontiguousarray(corner_T32.transpose(1, 2, 0))[..., face_K].astype(np.float64)
    x, y = pixel_Q2[:, 0][query_K] - ax, pixel_Q2[:, 1][query_K] - ay
    bx, by, cx, cy = bx - ax, by - ay, cx - ax, cy - ay
    area = bx * cy - by * cx
    of_b = (x * cy - y * cx) / area
    of_c = (bx * y - by * x) / area
    of_a = 1 - of_b - of_c
    near_a, near_b, near_c = np.ascontiguousarray(inverse_T3.T)[:, face_K]
    near_K = of_a * near_a + of_b * near_b + of_c * near_c
    covers = (of_a >= 0) & (of_b >= 0) & (of_c >= 0) & (near_K * depth_Q[query_K] > 1 + SLACK)
    result = np.zeros(len(pixel_Q2), bool)
    result[query_K[covers]] = True
    return result


def turned_to(camera: Camera, camera_V3: F32, face_F3: npt.NDArray[np.integer]) -> Bool:
    """Which faces show their outside, (F,)."""
    pixel_V2 = camera.to_pixels(camera_V3)
    (x0, x1, x2), (y0, y1, y2) = pixel_V2[:, 0][face_F3].T, pixel_V2[:, 1][face_F3].T
    return np.asarray((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0) < 0)


def _fronts(camera: Camera, camera_V3: F32, face_F3: npt.NDArray[np.integer], *, cull: bool) -> tuple[F32, F32]:
    """Corners on the picture and their inverse depths, of the faces that can hide anything."""
    pixel_V2 = camera.to_pixels(camera_V3)
    x, y = pixel_V2[:, 0][face_F3], pixel_V2[:, 1][face_F3]
    (x0, x1, x2), (y0, y1, y2) = x.T, y.T
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    kept = np.flatnonzero((area < 0) if cull else (area != 0))
    (x0, x1, x2), (y0, y1, y2) = x[kept].T, y[kept].T
    # Pair by pair: reducing over an axis of three takes ten times as long.
    low_x, high_x = np.minimum(np.minimum(x0, x1), x2), np.maximum(np.maximum(x0, x1), x2)
    low_y, high_y = np.minimum(np.minimum(y0, y1), y2), np.maximum(np.maximum(y0, y1), y2)
    kept = kept[(high_x >= 0) & (high_y >= 0) & (low_x < camera.width) & (low_y < camera.height)]
    before_V = camera_V3[:, 2] > NEAR
    corner_K3 = face_F3[kept]
    kept = kept[before_V[corner_K3[:, 0]] & before_V[corner_K3[:, 1]] & before_V[corner_K3[:, 2]]]
    return pixel_V2[face_F3[kept]], 1 / camera_V3[:, 2][face_F3[kept]]


def _meetings(before: Screen, pixel_Q2: F32) -> tuple[Index, Index]:
    """Pairs (face, point) whose point lies in a pixel that the face's box touches."""
    height, width = before.camera.height, before.camera.width
    # Only points in a pixel that some face touches are asked about: most of a picture is empty.
    asked = np.zeros(width * height, bool)
    asked[before.pixel_K] = True
    x, y = pixel_Q2[:, 0], pixel_Q2[:, 1]
    query = np.flatnonzero((x >= 0) & (y >= 0) & (x < width) & (y < height))
    cell = y[query].astype(np.int64) * width + x[query].astype(np.int64)
    inside = asked[cell]
    query, cell = query[inside], cell[inside]
    query = query[np.argsort(cell, kind="stable")]
    points = np.bincount(cell, minlength=len(asked))
    start = np.cumsum(points) - points
    many = points[before.pixel_K]
    place = np.arange(int(many.sum())) - np.repeat(np.cumsum(many) - many - start[before.pixel_K], many)
    return np.repeat(before.face_K, many), query[place]
