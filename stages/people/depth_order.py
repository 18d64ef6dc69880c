"""Who stands in front: people are as near as they are large and as their feet are far down the picture."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from models.box_overlap import intersections
from models.surface.charted_mesh import open_body_mesh
from models.surface.texels import CHARTS, nearest_texel, texel_faces
from stages.payloads import F32, I32, Surface

CELLS = 24
STEP_SHARE = 1 / 24
"""Skin is measured between pixels this share of the person's height apart."""
FACING = 40
"""Percentile of metres a pixel that counts as skin turned to the camera; the rest is foreshortened."""
FEWEST = 10
EDGE_WORTH = 2.0


def painters_order(
    box_N4: F32,
    score_N: F32,
    surfaces: Sequence[Surface],
    frame_height: int,
    id_N: I32 | None = None,
    near_N: F32 | None = None,
) -> list[int]:
    """Indices of people of one frame from the farthest to the nearest; of equals, the surer one is drawn last.

    Those without an identity, where others have one, lie behind them: they are unsure, and gone a frame later.

    Args:
        box_N4, score_N, id_N: as in `People`.
        surfaces: one a person.
        frame_height: pixels.
        near_N: `nearness` told over time, NaN where it has to be found out; None = everywhere.
    """
    if not overlapping(box_N4):
        return list(range(len(box_N4)))
    told_N = np.full(len(box_N4), np.nan, np.float32) if near_N is None else near_N.astype(np.float32)
    for i in np.flatnonzero(np.isnan(told_N)).tolist():
        told_N[i] = nearness(surfaces[i], float(box_N4[i, 3]), frame_height)
    named_N = np.zeros(len(box_N4), bool) if id_N is None else id_N >= 0
    return [int(i) for i in np.lexsort((score_N, told_N, named_N))]


def nearness(surface: Surface, lower_edge: float, frame_height: int) -> float:
    """How near a person stands, larger is nearer: log(pixels a metre of skin) + `EDGE_WORTH` · lower edge / height.

    The box's lower edge (feet) tells more while it is in the picture, size where it is not. Measured by
    tests/benchmarks/who_is_in_front.py.
    """
    return float(np.log(max(pixels_a_metre(surface), 1e-6)) + EDGE_WORTH * lower_edge / frame_height)


def pixels_a_metre(surface: Surface) -> float:
    """How large the body is drawn, whatever its pose and however much of it is hidden; 0 where too little is seen.

    Neighbouring pixels of a chart lie so many metres apart on the resting body's skin.
    """
    labels_hw = surface.labels_hw
    apart = max(2, round(labels_hw.shape[0] * STEP_SHARE))
    stride = 1 + labels_hw.shape[0] // 60
    cell_2hw = np.clip(surface.uv_2hw.astype(np.float32) * CELLS, 0, CELLS - 1).astype(np.int64)
    metres = []
    for down, right in ((0, apart), (apart, 0)):
        height, width = labels_hw.shape[0] - down, labels_hw.shape[1] - right
        here = (slice(0, max(height, 0), stride), slice(0, max(width, 0), stride))
        there = (slice(down, None, stride), slice(right, None, stride))
        same = (labels_hw[here] == labels_hw[there]) & (labels_hw[here] > 0)
        ends = [
            resting_skin()[labels_hw[at][same] - 1, cell_2hw[1][at][same], cell_2hw[0][at][same]]
            for at in (here, there)
        ]
        metres.append(np.linalg.norm(ends[0] - ends[1], axis=1) / apart)
    a_pixel = np.concatenate(metres)
    a_pixel = a_pixel[a_pixel > 0]
    return 1 / float(np.percentile(a_pixel, FACING)) if len(a_pixel) >= FEWEST else 0.0


@cache
def resting_skin() -> F32:
    """Where the resting body's skin is, metres, (24, CELLS, CELLS, 3) by chart, V and U; off a chart, its nearest."""
    mesh = open_body_mesh()
    texels = texel_faces(mesh.chart_F, mesh.corner_uv_F32, CELLS)
    skin = np.zeros((CHARTS * CELLS**2, 3), np.float32)
    skin[texels.texel_P] = np.einsum("pk,pkx->px", texels.weight_P3, mesh.vertex_V3[mesh.face_F3[texels.face_P]])
    tiles = skin.reshape(CHARTS, CELLS**2, 3)
    for tile, cover_SS in zip(tiles, texels.cover(), strict=True):
        tile[:] = tile[nearest_texel(cover_SS)]
    return tiles.reshape(CHARTS, CELLS, CELLS, 3)[:, ::-1]


def overlapping(box_N4: F32) -> bool:
    """Whether any two boxes meet: else nobody can stand before anybody."""
    return bool((intersections(box_N4, box_N4) > 0).sum() > len(box_N4))
