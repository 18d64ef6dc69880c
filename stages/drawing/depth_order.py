"""Who stands in front: the farther a person's feet are down the picture, the nearer the person."""

from __future__ import annotations

from functools import cache

import numpy as np

from models.surface.charted_mesh import open_body_mesh
from models.surface.texels import CHARTS, nearest_texel, texel_faces
from stages.payloads import F32, Surface

CELLS = 16
UPRIGHT_CHARTS = (1, 2, 7, 8, 9, 10, 11, 12, 13, 14, 23, 24)
"""Torso, legs and head: what keeps its height when a person moves the arms."""
FEET = (5, 6)
FEET_SHARE = 0.004
"""Of a person's pixels: with fewer feet than that, the feet are taken to be hidden."""
LEAST_SPAN = 0.25
"""Metres of body height that must be seen to tell how large a person is."""


def painters_order(box_N4: F32, score_N: F32, surfaces: list[Surface]) -> list[int]:
    """Indices of people of one frame from the farthest to the nearest; of equals, the surer one is drawn last."""
    if not _any_overlap(box_N4):
        return list(range(len(box_N4)))
    feet_N = np.array([feet_row(surface, float(box[3])) for surface, box in zip(surfaces, box_N4, strict=True)])
    return [int(i) for i in np.lexsort((score_N, feet_N))]


def feet_row(surface: Surface, box_bottom: float) -> float:
    """The row of the picture where a person's feet are, or would be if they were not hidden or outside.

    Hidden feet: the rows of what is seen are fitted to the heights that the same skin has on a standing body. Where
    that makes no sense (too little is seen, or the person does not stand) the box's lower edge is taken.
    """
    stride = 1 + surface.labels_hw.shape[0] // 60
    labels_hw = surface.labels_hw[::stride, ::stride]
    person = int((labels_hw > 0).sum())
    if person == 0 or np.isin(labels_hw, FEET).sum() >= FEET_SHARE * person:
        return box_bottom
    row_P, column_P = np.nonzero(np.isin(labels_hw, UPRIGHT_CHARTS))
    if len(row_P) < 20:
        return box_bottom
    uv_2P = surface.uv_2hw[:, ::stride, ::stride][:, row_P, column_P].astype(np.float32)
    u_P, v_P = np.clip(uv_2P * CELLS, 0, CELLS - 1).astype(int)
    height_P = resting_heights()[labels_hw[row_P, column_P] - 1, v_P, u_P]
    spread = height_P - height_P.mean()
    rows_a_metre = -float((spread * row_P).sum()) / max(float((spread**2).sum()), 1e-9) * stride
    if np.ptp(height_P) < LEAST_SPAN or rows_a_metre <= 0:
        return box_bottom
    feet = surface.y0 + float(row_P.mean()) * stride + float(height_P.mean()) * rows_a_metre
    return max(feet, box_bottom)


@cache
def resting_heights() -> F32:
    """Metres above the floor of a standing body's skin, (24, CELLS, CELLS) by chart, V and U."""
    mesh = open_body_mesh()
    texels = texel_faces(mesh.chart_F, mesh.corner_uv_F32, CELLS)
    height = np.zeros(CHARTS * CELLS**2, np.float32)
    height[texels.texel_P] = (texels.weight_P3 * mesh.vertex_V3[mesh.face_F3[texels.face_P], 1]).sum(axis=1)
    tiles = height.reshape(CHARTS, CELLS**2)
    for tile, cover_SS in zip(tiles, texels.cover(), strict=True):
        tile[:] = tile[nearest_texel(cover_SS)]
    return tiles.reshape(CHARTS, CELLS, CELLS)[:, ::-1]


def _any_overlap(box_N4: F32) -> bool:
    low_NN2 = np.maximum(box_N4[:, None, :2], box_N4[None, :, :2])
    high_NN2 = np.minimum(box_N4[:, None, 2:], box_N4[None, :, 2:])
    meets_NN = (low_NN2 < high_NN2).all(axis=2)
    return bool(meets_NN.sum() > len(box_N4))
