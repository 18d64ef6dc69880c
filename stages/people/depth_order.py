"""Depth order: people are the nearer the larger they appear and the lower their feet are in the image."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from models.box_overlap import intersections
from models.surface.charted_mesh import open_body_mesh
from models.surface.texels import CHARTS, nearest_texel, texel_faces
from stages.payloads import F32, I32, PersonSurface

CELLS = 24
STEP = 1 / 24
"""Distance between the two pixels of a pair, as a share of the person's height."""
FRONTAL_PERCENTILE = 40
"""Percentile of metres per pixel that counts as surface facing the camera; the rest is foreshortened."""
LEAST_PAIRS = 10
LOWER_EDGE_WEIGHT = 2.0


def painters_order(
    box_N4: F32,
    score_N: F32,
    surfaces: Sequence[PersonSurface],
    frame_height: int,
    id_N: I32 | None = None,
    near_N: F32 | None = None,
) -> list[int]:
    """Indices of one frame's people from far to near; at equal nearness the higher score is drawn last.

    People without an identity are behind those with one: their detections are uncertain and often last one frame.

    Args:
        box_N4, score_N, id_N: as in `People`.
        surfaces: one per person.
        frame_height: pixels.
        near_N: `nearness` smoothed over time, NaN where it has to be measured here; None = everywhere.
    """
    if not overlapping(box_N4):
        return list(range(len(box_N4)))
    nearness_N = np.full(len(box_N4), np.nan, np.float32) if near_N is None else near_N.astype(np.float32)
    for i in np.flatnonzero(np.isnan(nearness_N)).tolist():
        nearness_N[i] = nearness(surfaces[i], float(box_N4[i, 3]), frame_height)
    tracked_N = np.zeros(len(box_N4), bool) if id_N is None else id_N >= 0
    return [int(i) for i in np.lexsort((score_N, nearness_N, tracked_N))]


def nearness(surface: PersonSurface, lower_edge: float, frame_height: int) -> float:
    """Nearness, larger is nearer: log(pixels per metre) + LOWER_EDGE_WEIGHT · lower edge of the box / frame height.

    The lower edge (feet) is the better measure while it is in the image, size where it is not.
    """
    return float(np.log(max(pixels_per_metre(surface), 1e-6)) + LOWER_EDGE_WEIGHT * lower_edge / frame_height)


def pixels_per_metre(surface: PersonSurface) -> float:
    """The scale of the body in the image, independent of pose and occlusion; 0 if too little is visible.

    The distance in metres between pairs of nearby pixels of one chart is taken from the body surface in rest pose.
    """
    labels_hw = surface.labels_hw
    step = max(2, round(labels_hw.shape[0] * STEP))
    stride = 1 + labels_hw.shape[0] // 60
    cell_2hw = np.clip(surface.uv_2hw.astype(np.float32) * CELLS, 0, CELLS - 1).astype(np.int64)
    metres = []
    for down, right in ((0, step), (step, 0)):
        height, width = labels_hw.shape[0] - down, labels_hw.shape[1] - right
        here = (slice(0, max(height, 0), stride), slice(0, max(width, 0), stride))
        there = (slice(down, None, stride), slice(right, None, stride))
        pair = (labels_hw[here] == labels_hw[there]) & (labels_hw[here] > 0)
        ends = [
            rest_pose_surface()[labels_hw[at][pair] - 1, cell_2hw[1][at][pair], cell_2hw[0][at][pair]]
            for at in (here, there)
        ]
        metres.append(np.linalg.norm(ends[0] - ends[1], axis=1) / step)
    metres_per_pixel = np.concatenate(metres)
    metres_per_pixel = metres_per_pixel[metres_per_pixel > 0]
    return (
        1 / float(np.percentile(metres_per_pixel, FRONTAL_PERCENTILE)) if len(metres_per_pixel) >= LEAST_PAIRS else 0.0
    )


@cache
def rest_pose_surface() -> F32:
    """Points of the body surface in rest pose, metres, by chart, V and U: (24, CELLS, CELLS, 3).

    Cells outside of a chart hold its nearest point.
    """
    mesh = open_body_mesh()
    texels = texel_faces(mesh.chart_F, mesh.corner_uv_F32, CELLS)
    point = np.zeros((CHARTS * CELLS**2, 3), np.float32)
    point[texels.texel_P] = np.einsum("pk,pkx->px", texels.weight_P3, mesh.vertex_V3[mesh.face_F3[texels.face_P]])
    tiles = point.reshape(CHARTS, CELLS**2, 3)
    for tile, cover_SS in zip(tiles, texels.cover(), strict=True):
        tile[:] = tile[nearest_texel(cover_SS)]
    return tiles.reshape(CHARTS, CELLS, CELLS, 3)[:, ::-1]


def overlapping(box_N4: F32) -> bool:
    """Whether any two boxes overlap: else no person can occlude another."""
    return bool((intersections(box_N4, box_N4) > 0).sum() > len(box_N4))
