"""Correspondences of a fit: points of the body's skin, and their image points."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np

from models.arrays import F64, U8, Float, Index, Int
from models.body.open_body import load_body
from models.body.reduced_pose import driven_bones, driven_weights
from models.body.skinned_points import SkinnedPoints, points_on_faces
from models.surface.chart_lookup import CHARTS, open_body_lookup
from models.surface.charted_mesh import open_body_mesh
from models.surface.keypoints import OnGridWithHeads, person_keypoints

POINTS = 200
"""Number of points that are drawn from a surface."""
FINGER_SHARE = 0.3
"""Points whose skin weights of the fingers have a larger sum are left out, because a fit does not bend fingers."""
MIN_CONFIDENCE = 0.05
"""Pixels of a lower confidence are drawn as often as pixels of this confidence."""
MAX_PIXELS = 16_000
"""Of people with more pixels only every second, third … row and column is used, which costs less time."""
CELLS = 8
"""Number of cells along U, and along V, of a chart. The visible skin is measured in such cells."""
VISIBLE_SHARE = 0.5
"""Share of a bone's skin that one camera can see: about half."""


class SurfaceOfPerson(OnGridWithHeads, Protocol):
    """A person's surface on a pixel grid, with its confidence."""

    @property
    def confidence_hw(self) -> Float | None:
        """0..1, or None if unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correspondences:
    """The points and joints of one person in an image.

    Attributes:
        skin: N points of the skin.
        shape_C: the shape of the body; None if it is unknown.
        pixel_N2: image points of the skin's points, pixels of the frame.
        chart_N: charts of the points, 1..24.
        joint_J3: the 17 keypoints as x, y, score; a score of 0 means unknown.
        size: the longer side of the person's box, pixels.
        seen_B: visible share of the skin of each bone; 1 is as much as one camera can see.
        confidence: mean confidence of the surface, or of the known joints without a surface; 1 without confidences.
    """

    skin: SkinnedPoints
    shape_C: F64 | None
    pixel_N2: F64
    chart_N: Int
    joint_J3: F64
    size: float
    seen_B: F64
    confidence: float


def correspondences(
    surface: SurfaceOfPerson, count: int = POINTS, shape_C: F64 | None = None
) -> Correspondences:
    """Points that are drawn from a surface in proportion to confidence, and the surface's joints.

    The number of a chart's points grows with the square root of its sum of confidence, so small charts get points, too.
    The draw is deterministic: equal surfaces give equal points.

    Args:
        surface: the person's predicted surface.
        count: number of points, before those of fingers are left out.
        shape_C: the person's shape, if it is known.
    """
    every = _stride(surface.labels_hw)
    labels_hw = np.ascontiguousarray(surface.labels_hw[::every, ::every])
    at_M = np.flatnonzero(labels_hw)
    chart_M = labels_hw.reshape(-1)[at_M]
    uv_2M = surface.uv_2hw[:, ::every, ::every].reshape(2, -1)[:, at_M].clip(0, 1)
    confidence_M = np.ones(len(chart_M))
    if surface.confidence_hw is not None:
        stated_M = surface.confidence_hw[::every, ::every].reshape(-1)[at_M]
        confidence_M = stated_M.astype(np.float64).clip(MIN_CONFIDENCE, 1)
    chosen = _drawn(chart_M, confidence_M, count)
    found = open_body_lookup()(chart_M[chosen], *uv_2M[:, chosen].astype(np.float64))
    finger_N = np.einsum("nk,nk->n", _finger_share()[load_body().face_F3[found.face_M]], found.weight_M3)
    kept = np.flatnonzero(finger_N < FINGER_SHARE)
    chosen = chosen[kept]
    row_N, column_N = np.divmod(at_M[chosen], max(labels_hw.shape[1], 1))
    pixel_N2 = every * np.stack([column_N, row_N], axis=1) + np.array([surface.x0, surface.y0]) + 0.5
    return Correspondences(
        skin=points_on_faces(found.face_M[kept], found.weight_M3[kept], shape_C), shape_C=shape_C, pixel_N2=pixel_N2,
        chart_N=chart_M[chosen].astype(np.int64),
        joint_J3=person_keypoints(surface).astype(np.float64), size=_size(surface.labels_hw),
        seen_B=_seen(chart_M, *uv_2M),
        confidence=float(confidence_M.mean()) if len(confidence_M) else 0.0,
    )


def _stride(labels_hw: U8) -> int:
    """The step between used rows, and between used columns, which leaves at most `MAX_PIXELS` pixels of the person."""
    return max(1, math.ceil(math.sqrt(int(np.count_nonzero(labels_hw)) / MAX_PIXELS)))


def _size(labels_hw: U8) -> float:
    """The longer side of the person's box, pixels; 1 for an empty surface."""
    covered = [np.flatnonzero(labels_hw.any(axis=axis)) for axis in (0, 1)]
    return float(max(at_N[-1] - at_N[0] + 1 if len(at_N) else 1 for at_N in covered))


def _drawn(chart_M: U8, confidence_M: F64, count: int) -> Index:
    weight_M = confidence_M / np.sqrt(np.bincount(chart_M, minlength=CHARTS + 1))[chart_M]
    order_M = np.argsort(chart_M, kind="stable")
    total_M = np.cumsum(weight_M[order_M])
    drawn = min(count, len(chart_M))
    if not drawn:
        return np.zeros(0, np.intp)
    at_K = np.searchsorted(total_M, (np.arange(drawn) + 0.5) / drawn * total_M[-1])
    return np.unique(order_M[np.minimum(at_K, len(order_M) - 1)])


@cache
def _finger_share() -> F64:
    body = load_body()
    fingers = [b for b, name in enumerate(body.bones) if name.startswith("finger")]
    return np.asarray(body.weight_VB[:, fingers].sum(axis=1), np.float64)


def _seen(chart_M: U8, u_M: Float, v_M: Float) -> F64:
    """Visible share (B,) of the skin of each bone; a bone that is not driven has the share of its driven bone."""
    cell_M = ((chart_M.astype(int) - 1) * CELLS + np.minimum((v_M * CELLS).astype(int), CELLS - 1)) * CELLS
    skin_QD = _skin_of_cells()
    hit_Q = np.bincount(cell_M + np.minimum((u_M * CELLS).astype(int), CELLS - 1), minlength=len(skin_QD)) > 0
    share_D = skin_QD[hit_Q].sum(axis=0) / np.maximum(skin_QD.sum(axis=0), 1e-9) / VISIBLE_SHARE
    return np.asarray(np.minimum(share_D, 1)[driven_bones().carrier_B])


@cache
def _skin_of_cells() -> F64:
    """Square metres of skin of each driven bone in each cell of the charts (24 · CELLS², D)."""
    body, mesh = load_body(), open_body_mesh()
    corner_F33 = mesh.vertex_V3[body.face_F3].astype(np.float64)
    area_F = np.linalg.norm(np.cross(corner_F33[:, 1] - corner_F33[:, 0], corner_F33[:, 2] - corner_F33[:, 0]), axis=1)
    weight_FD = driven_weights()[body.face_F3].mean(axis=1) * area_F[:, None] / 2
    at_F2 = np.minimum((body.corner_uv_F32.mean(axis=1) * CELLS).astype(int), CELLS - 1)
    cell_F = ((body.chart_F.astype(int) - 1) * CELLS + at_F2[:, 1]) * CELLS + at_F2[:, 0]
    skin_QD = np.zeros((CHARTS * CELLS * CELLS, weight_FD.shape[1]))
    np.add.at(skin_QD, cell_F, weight_FD)
    return skin_QD
