"""COCO keypoints of a person: from the network's keypoint head where it has one, else from the surface.

A keypoint head names every joint; its score says how sure it is. On the surface, each of the 17 keypoints has a
weighted neighbourhood on the open body's skin, with the largest weights nearest to the joint. The weighted mean of the
pixels that show this neighbourhood is the keypoint. Invisible joints are not estimated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np

from models.arrays import F32, U8, Float, Index, Int
from models.body.charts import CHARTS_AT_JOINT
from models.body.open_body import COCO_KEYPOINTS, load_body
from models.surface.chart_lookup import CHARTS, corner_mean, open_body_lookup
from models.surface.charted_mesh import open_body_mesh

CELLS = 48
"""Cells along U and V of the grid in which pixels are counted."""
REACH_M = 0.02
REACH_SHARE = 0.25
"""A point of the skin has weight exp(−x²/2), x = (distance − nearest distance) / (REACH_M + REACH_SHARE · nearest
distance) from the joint: about 2 cm of skin at the nose, 4 cm at a hip, which is deep in the body."""
LEAST_PIXELS = 2.0
"""Minimum sum of weights of a keypoint's pixels; a keypoint with less is missing."""
LEAST_SHARE = 0.12
"""Minimum visible share of a neighbourhood, relative to its share of the skin; a keypoint with less is missing."""


SHOWN_SCORE = 0.3
"""Joints of a keypoint head with a lower score are not shown."""


class OnGrid(Protocol):
    """A person's surface on a pixel grid: corner in the frame, charts (h, w), UV (2, h, w)."""

    @property
    def x0(self) -> int:
        """Frame column of the first cell."""

    @property
    def y0(self) -> int:
        """Frame row of the first cell."""

    @property
    def labels_hw(self) -> U8:
        """0: background, 1..24: chart."""

    @property
    def uv_2hw(self) -> Float:
        """0..1, not clamped."""


class OnGridWithHeads(OnGrid, Protocol):
    """A person's surface with the keypoints of the network's own head, if it has one."""

    @property
    def keypoint_K3(self) -> F32 | None:  # noqa: N802, the name of an array
        """(17, 3): x, y in pixels of the frame, score 0..1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbourhoods:
    """Weight of each cell of the charts (chart − 1, V, U, flattened to Q) for each keypoint.

    Attributes:
        weight_17Q: 0..1, float32.
        share_17: share of the body's skin in each keypoint's neighbourhood.
    """

    weight_17Q: F32
    share_17: F32


@cache
def neighbourhoods() -> Neighbourhoods:
    """The neighbourhoods on the mean open body in the rest pose, computed once."""
    body, mesh = load_body(), open_body_mesh()
    joint_17_3 = body.keypoint_KV[:17] @ mesh.vertex_V3
    centre = (np.arange(CELLS) + 0.5) / CELLS
    chart_Q = np.repeat(np.arange(1, CHARTS + 1), CELLS * CELLS)
    v_Q, u_Q = np.tile(np.repeat(centre, CELLS), CHARTS), np.tile(centre, CHARTS * CELLS)
    skin_Q3 = corner_mean(mesh.vertex_V3, mesh, open_body_lookup()(chart_Q, u_Q, v_Q))
    distance_17Q = np.linalg.norm(skin_Q3[None] - joint_17_3[:, None], axis=2)
    weight_17Q = np.stack(
        [
            _weights(far_Q, chart_Q, CHARTS_AT_JOINT[name])
            for far_Q, name in zip(distance_17Q, COCO_KEYPOINTS, strict=True)
        ]
    )
    corner_F33 = mesh.vertex_V3[mesh.face_F3]
    area_F = np.linalg.norm(np.cross(corner_F33[:, 1] - corner_F33[:, 0], corner_F33[:, 2] - corner_F33[:, 0]), axis=1)
    cell_F = _cells(mesh.chart_F, *mesh.corner_uv_F32.mean(axis=1).T)
    share_17 = weight_17Q[:, cell_F] @ area_F / area_F.sum()
    return Neighbourhoods(weight_17Q=weight_17Q.astype(np.float32), share_17=share_17.astype(np.float32))


def person_keypoints(person: OnGridWithHeads) -> F32:
    """All keypoints of a person, (17, 3) float32 as `surface_keypoints`: those of the network's head, if it has one."""
    return surface_keypoints(person) if person.keypoint_K3 is None else person.keypoint_K3


def shown_keypoints(person: OnGridWithHeads) -> F32:
    """`person_keypoints` for pictures, tables and angles: zeros for joints of a head with a score below SHOWN_SCORE."""
    if person.keypoint_K3 is None:
        return surface_keypoints(person)
    return np.where(person.keypoint_K3[:, 2:] >= SHOWN_SCORE, person.keypoint_K3, np.float32(0))


def surface_keypoints(surface: OnGrid) -> F32:
    """The keypoints of one person: (17, 3) float32 in COCO's order, x and y in pixels of the frame.

    The third number is 0 for a missing keypoint (with x = y = 0), else its visibility up to 1: the visible share of the
    neighbourhood relative to one half, which is the most that one view shows.
    """
    around = neighbourhoods()
    # Flat indices and `take` are several times faster than indexing by rows and columns.
    at_M = np.flatnonzero(surface.labels_hw != 0)
    keypoint_173 = np.zeros((17, 3), np.float32)
    if not len(at_M):
        return keypoint_173
    y_M = at_M // surface.labels_hw.shape[1]
    x_M = at_M - y_M * surface.labels_hw.shape[1]
    u_M, v_M = (axis_hw.reshape(-1).take(at_M).astype(np.float32, copy=False) for axis_hw in surface.uv_2hw)
    cell_M = _cells(surface.labels_hw.reshape(-1).take(at_M), u_M, v_M)
    count_Q = np.bincount(cell_M, minlength=CHARTS * CELLS * CELLS)
    met_Q = np.flatnonzero(count_Q)
    x_Q, y_Q = (np.bincount(cell_M, each)[met_Q] + 0.5 * count_Q[met_Q] for each in (x_M, y_M))
    sums_Q3 = np.stack([x_Q, y_Q, count_Q[met_Q]], axis=1)
    total_173 = around.weight_17Q.take(met_Q, axis=1).astype(np.float64) @ sums_Q3
    seen_17 = total_173[:, 2] / len(at_M) / around.share_17
    told_17 = (total_173[:, 2] >= LEAST_PIXELS) & (seen_17 >= LEAST_SHARE)
    place_172 = total_173[told_17, :2] / total_173[told_17, 2:] + (surface.x0, surface.y0)
    keypoint_173[told_17, :2] = place_172
    keypoint_173[told_17, 2] = np.minimum(seen_17[told_17], 1)
    return keypoint_173


def _weights(far_Q: F32, chart_Q: Int, charts: frozenset[int]) -> F32:
    """Weights of one keypoint; 0 on charts that do not touch it, because a resting wrist is near the thigh."""
    allowed_Q = np.isin(chart_Q, list(charts))
    nearest = far_Q[allowed_Q].min()
    excess_Q = (far_Q - nearest) / (REACH_M + REACH_SHARE * nearest)
    return np.where(allowed_Q, np.exp(-np.square(excess_Q) / 2), 0)


def _cells(chart_M: Int, u_M: F32, v_M: F32) -> Index:
    """Cell of each chart point; UV is clamped to 0..1."""
    column_M, row_M = (np.minimum(np.maximum(at_M * CELLS, 0), CELLS - 1).astype(np.int32) for at_M in (u_M, v_M))
    return ((chart_M.astype(np.int32) - 1) * CELLS + row_M) * CELLS + column_M
