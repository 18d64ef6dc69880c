"""Whether a camera sees a point: exact, at any place in the picture and not only at pixel centres."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.surface.raster import NEAR, Camera

F32 = npt.NDArray[np.float32]
Bool = npt.NDArray[np.bool_]
Index = npt.NDArray[np.intp]

SLACK = 1e-3
"""A face hides a point when it is nearer by more than this share of the depth: a point lies on its own face."""


def hidden(
    camera: Camera, camera_V3: F32, face_F3: npt.NDArray[np.integer], pixel_Q2: F32, depth_Q: F32, *, cull: bool = True
) -> Bool:
    """Which points have a face before them.

    Args:
        camera_V3: vertices in camera axes.
        pixel_Q2, depth_Q: the points: pixels in the picture (those outside are never hidden), and metres away.
        cull: faces seen from behind hide nothing, as in `rasterize`.
    """
    corner_T32, inverse_T3 = _fronts(camera, camera_V3, face_F3, cull=cull)
    face_K, query_K = _meetings(camera, corner_T32, pixel_Q2)
    a, b, c = corner_T32[face_K].astype(np.float64).transpose(1, 0, 2)
    at = pixel_Q2[query_K].astype(np.float64) - a
    ab, ac = b - a, c - a
    area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    of_b = (at[:, 0] * ac[:, 1] - at[:, 1] * ac[:, 0]) / area
    of_c = (ab[:, 0] * at[:, 1] - ab[:, 1] * at[:, 0]) / area
    weight_K3 = np.stack([1 - of_b - of_c, of_b, of_c], axis=1)
    near_K = (weight_K3 * inverse_T3[face_K]).sum(axis=1)
    before = (weight_K3 >= 0).all(axis=1) & (near_K * depth_Q[query_K] > 1 + SLACK)
    result = np.zeros(len(pixel_Q2), bool)
    result[query_K[before]] = True
    return result


def turned_to(camera: Camera, camera_V3: F32, face_F3: npt.NDArray[np.integer]) -> Bool:
    """Which faces show their outside, (F,)."""
    a, b, c = (camera.to_pixels(camera_V3)[face_F3[:, k]] for k in range(3))
    return (b - a)[:, 0] * (c - a)[:, 1] - (c - a)[:, 0] * (b - a)[:, 1] < 0


def _fronts(camera: Camera, camera_V3: F32, face_F3: npt.NDArray[np.integer], *, cull: bool) -> tuple[F32, F32]:
    """Corners on the picture and their inverse depths, of the faces that can hide anything."""
    pixel_V2 = camera.to_pixels(camera_V3)
    corner_F32 = pixel_V2[face_F3]
    a, b, c = corner_F32.transpose(1, 0, 2)
    area = (b - a)[:, 0] * (c - a)[:, 1] - (c - a)[:, 0] * (b - a)[:, 1]
    low, high = corner_F32.min(axis=1), corner_F32.max(axis=1)
    shown = (high >= 0).all(axis=1) & (low[:, 0] < camera.width) & (low[:, 1] < camera.height)
    kept = np.flatnonzero(((area < 0) if cull else (area != 0)) & shown)
    kept = kept[(camera_V3[:, 2][face_F3[kept]] > NEAR).all(axis=1)]
    return corner_F32[kept], 1 / camera_V3[:, 2][face_F3[kept]]


def _meetings(camera: Camera, corner_T32: F32, pixel_Q2: F32) -> tuple[Index, Index]:
    """Pairs (face, point) whose point lies in a pixel that the face's box touches."""
    limit = np.array([camera.width - 1, camera.height - 1])
    low = np.clip(np.floor(corner_T32.min(axis=1)).astype(np.int64), 0, limit)
    high = np.clip(np.floor(corner_T32.max(axis=1)).astype(np.int64), 0, limit)
    wide = high[:, 0] - low[:, 0] + 1
    count = wide * (high[:, 1] - low[:, 1] + 1)
    face = np.repeat(np.arange(len(count)), count)
    within = np.arange(len(face)) - np.repeat(np.cumsum(count) - count, count)
    row, column = within // wide[face] + low[face, 1], within % wide[face] + low[face, 0]
    inside = ((pixel_Q2 >= 0) & (pixel_Q2 < limit + 1)).all(axis=1)
    query = np.flatnonzero(inside)
    cell = np.floor(pixel_Q2[query]).astype(np.int64) @ np.array([1, camera.width])
    order = np.argsort(cell, kind="stable")
    query, cell = query[order], cell[order]
    wanted = row * camera.width + column
    start, stop = np.searchsorted(cell, wanted, "left"), np.searchsorted(cell, wanted, "right")
    many = stop - start
    pair = np.repeat(np.arange(len(many)), many)
    place = np.arange(len(pair)) - np.repeat(np.cumsum(many) - many, many) + start[pair]
    return face[pair], query[place]
