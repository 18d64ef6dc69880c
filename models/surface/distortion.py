"""Distortion of the charts: how much they stretch the skin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.arrays import Float
from models.body.open_body import OpenBody


@dataclass(frozen=True, slots=True, kw_only=True)
class Distortion:
    """Distortion of one chart on the mean body.

    Attributes:
        chart: 1..24.
        area: square metres of skin.
        filled: share of the unit square that the chart covers.
        flipped: share of its skin whose UV triangles have the wrong orientation.
        stretch_median, stretch_p95: median and 95th percentile of the stretch, weighted by area. A small circle on the
            skin is an ellipse in UV; the stretch is its length over its width. Before, U and V are each scaled by one
            constant per chart.
    """

    chart: int
    area: float
    filled: float
    flipped: float
    stretch_median: float
    stretch_p95: float


def chart_distortion(body: OpenBody, chart: int) -> Distortion:
    """The distortion of one chart, without the eyeballs."""
    vertex, _ = body.rest(np.zeros(len(body.component_CV3), np.float32))
    mine = (body.chart_F == chart) & ~body.eye_F
    corner, uv = vertex[body.face_F3[mine]].astype(np.float64), body.corner_uv_F32[mine].astype(np.float64)
    flat = _laid_flat(corner)
    area = 0.5 * flat[:, 0, 0] * flat[:, 1, 1]
    edges = np.stack([uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]], axis=1)
    jacobian = np.linalg.solve(flat, edges)  # (F, 2 directions on the skin, U V) per metre
    scale = np.sqrt((area[:, None, None] * jacobian**2).sum(axis=(0, 1)) / area.sum())
    sizes = np.linalg.svd(jacobian / scale, compute_uv=False)
    uv_area = 0.5 * np.linalg.det(edges)
    order = np.argsort(ratio := sizes[:, 0] / np.maximum(sizes[:, 1], 1e-9))
    share = np.cumsum(area[order]) / area.sum()
    median, p95 = (float(ratio[order][np.searchsorted(share, at)]) for at in (0.5, 0.95))
    return Distortion(
        chart=chart, area=float(area.sum()), filled=float(np.abs(uv_area).sum()),
        flipped=float(area[uv_area * np.sign(uv_area.sum()) <= 0].sum() / area.sum()),
        stretch_median=median, stretch_p95=p95,
    )


def _laid_flat(corner_F33: Float) -> Float:
    """The edges at each triangle's first corner, in the triangle's plane, (F, 2, 2); the first edge is along x."""
    first, second = corner_F33[:, 1] - corner_F33[:, 0], corner_F33[:, 2] - corner_F33[:, 0]
    length = np.linalg.norm(first, axis=1)
    along = (first * second).sum(axis=1) / length
    across = np.linalg.norm(np.cross(first, second), axis=1) / length
    return np.stack([np.stack([length, np.zeros_like(length)], 1), np.stack([along, across], 1)], axis=1)
