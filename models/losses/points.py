"""Losses of charts, U and V at annotated points (Güler et al. 2018, §3), also with predicted uncertainty."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Self, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from models.losses.terms import Term


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedPoints:
    """M points, each in one region (RoI).

    Attributes:
        region_M: int64, row of the regions.
        xy_M2: float32, network pixels of the image.
    """

    region_M: Tensor
    xy_M2: Tensor

    def only(self, keep_M: Tensor) -> Self:
        """The points that a mask or an index selects."""
        return replace(self, **{spec.name: getattr(self, spec.name)[keep_M] for spec in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionPoints(PlacedPoints):
    """M annotated points.

    Attributes:
        chart_M: int64, 0 background, 1..24.
        uv_M2: float32, 0..1.
        weight_M: float32, weight of the point; 1 for annotated ones.
    """

    chart_M: Tensor
    uv_M2: Tensor
    weight_M: Tensor


Placed = TypeVar("Placed", bound=PlacedPoints)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """The cells from which each point is interpolated: rows of the maps as (K * h * w, C), int64, and weights."""

    row_M16: Tensor
    weight_M16: Tensor


def visible_points(points: Placed, box_K4: Tensor) -> Placed:
    """The points inside their region, [x0, x1) × [y0, y1)."""
    box_M4 = box_K4[points.region_M]
    inside = (points.xy_M2 >= box_M4[:, :2]) & (points.xy_M2 - box_M4[:, :2] < box_M4[:, 2:] - box_M4[:, :2])
    return points.only(inside.all(dim=1))


def point_cells(points: PlacedPoints, box_K4: Tensor, map_KChw: Tensor, upsampling: int) -> Cells:
    """The cells and weights of points in a map that covers the region without a half-cell shift.

    Args:
        points, box_K4, map_KChw: the points, their regions, and the map.
        upsampling: the result is as if the map had been upsampled by this factor, bilinear. Upsampling the whole map
            would cost far more than reading a hundred points.
    """
    height, width = map_KChw.shape[2:]
    count_2 = box_K4.new_tensor([width, height])
    box_M4 = box_K4[points.region_M]
    at_M2 = (points.xy_M2 - box_M4[:, :2]) * (count_2 * upsampling) / (box_M4[:, 2:] - box_M4[:, :2])
    low_M2 = torch.minimum(at_M2.floor().clamp(min=0), count_2 * upsampling - 1)
    high_M2 = torch.minimum(low_M2 + 1, count_2 * upsampling - 1)
    share_M2 = torch.minimum(at_M2, high_M2) - low_M2
    # Along each axis: the two cells of the upsampled map, then the two cells of the map that make up each of these.
    place_M22 = ((torch.stack([low_M2, high_M2], dim=1) + 0.5) / upsampling - 0.5).clamp(min=0)
    share_M22 = torch.stack([1 - share_M2, share_M2], dim=1)
    first_M22 = place_M22.floor()
    rest_M22 = place_M22 - first_M22
    cell_M42 = torch.cat([first_M22, torch.minimum(first_M22 + 1, count_2 - 1)], dim=1).long()
    share_M42 = torch.cat([share_M22 * (1 - rest_M22), share_M22 * rest_M22], dim=1)
    row_M44 = (points.region_M[:, None, None] * height + cell_M42[:, :, None, 1]) * width + cell_M42[:, None, :, 0]
    weight_M44 = share_M42[:, :, None, 1] * share_M42[:, None, :, 0]
    return Cells(row_M16=row_M44.flatten(1), weight_M16=weight_M44.flatten(1))


def read_all(map_KChw: Tensor, cells: Cells) -> Tensor:
    """All channels at the points, bilinear: (M, C). With `embedding_bag` the gradient needs one pass over the map."""
    table = map_KChw.permute(0, 2, 3, 1).reshape(-1, map_KChw.shape[1])
    return F.embedding_bag(cells.row_M16, table, per_sample_weights=cells.weight_M16, mode="sum")


def read_channel(map_KChw: Tensor, cells: Cells, channel_M: Tensor) -> Tensor:
    """One channel per point, bilinear: (M,)."""
    return read_all(map_KChw, cells).gather(1, channel_M[:, None])[:, 0]


@dataclass(frozen=True, slots=True, kw_only=True)
class PointWeights:
    """Weights of the losses at points and of the coarse segmentation. Defaults: the reference's schedule s1x.

    Attributes:
        chart: cross entropy over 25 charts, a mean over points.
        uv: smooth L1 of U and of V, each a sum over points.
        confident_uv: negative log-likelihood with predicted uncertainty, a sum over points.
        coarse: coarse segmentation, a mean over cells.
    """

    chart: float = 1.0
    uv: float = 0.01
    confident_uv: float = 0.0005
    coarse: float = 5.0


def chart_term(fine_K25hw: Tensor, points: RegionPoints, cells: Cells, weight: float) -> Term:
    """Cross entropy over background and 24 charts, a weighted mean over the points."""
    cost_M = F.cross_entropy(read_all(fine_K25hw, cells), points.chart_M, reduction="none")
    return Term((cost_M * points.weight_M).sum(), points.weight_M.sum(), weight)


def chart_and_uv_terms(
    maps: Mapping[str, Tensor], points: RegionPoints, box_K4: Tensor, weights: PointWeights, upsampling: int = 1
) -> dict[str, Term]:
    """The reference's point losses without uncertainty.

    Args:
        maps: `fine_segm`, `u` and `v` of K regions, (K, 25, h, w) float32.
        points: points outside of their regions are ignored.
        box_K4: the regions in network pixels.
        weights: see `PointWeights`.
        upsampling: see `point_cells`.

    Returns:
        Terms `chart` (mean over points), `u` and `v` (sums over points on the body).
    """
    seen = visible_points(points, box_K4)
    cells = point_cells(seen, box_K4, maps["u"], upsampling)
    terms = {"chart": chart_term(maps["fine_segm"], seen, cells, weights.chart)}
    body = body_points(seen)
    cells = point_cells(body, box_K4, maps["u"], upsampling)
    for index, name in enumerate(("u", "v")):
        found_M = read_channel(maps[name], cells, body.chart_M)
        cost_M = F.smooth_l1_loss(found_M, body.uv_M2[:, index], reduction="none")
        terms[name] = Term((cost_M * body.weight_M).sum(), None, weights.uv)
    return terms


def body_points(points: RegionPoints) -> RegionPoints:
    """The points whose chart is not the background."""
    return points.only(points.chart_M > 0)


FLOOR = 0.01
"""Minimum variance, in squared UV units."""
LOG_2PI = math.log(2 * math.pi)


def isotropic_cost(du_M: Tensor, dv_M: Tensor, raw_M: Tensor) -> Tensor:
    """Negative log-likelihood of residuals with one variance for U and V (WC1; Neverova et al. 2019).

    Args:
        du_M, dv_M: residuals.
        raw_M: the network's raw `sigma_2`; softplus turns it into a variance.
    """
    variance = F.softplus(raw_M) + FLOOR
    return 0.5 * (LOG_2PI + 2 * variance.log() + (du_M**2 + dv_M**2) / variance)


def anisotropic_cost(du_M: Tensor, dv_M: Tensor, raw_M: Tensor, ku_M: Tensor, kv_M: Tensor) -> Tensor:
    """Negative log-likelihood with a larger variance along the direction (kappa_u, kappa_v) (WC2)."""
    variance = F.softplus(raw_M) + FLOOR
    determinant = variance * (variance + ku_M**2 + kv_M**2)
    along = (du_M * ku_M + dv_M * kv_M) ** 2 / determinant
    return 0.5 * (LOG_2PI + determinant.log() + (du_M**2 + dv_M**2) / variance - along)


def chart_and_confident_uv_terms(
    maps: Mapping[str, Tensor], points: RegionPoints, box_K4: Tensor, weights: PointWeights, upsampling: int = 1
) -> dict[str, Term]:
    """The reference's point losses with uncertainty of U and V: terms `chart` and `uv`.

    Arguments as for `chart_and_uv_terms`; `maps` also has `sigma_2`, and for WC2 `kappa_u` and `kappa_v`.
    """
    seen = visible_points(points, box_K4)
    cells = point_cells(seen, box_K4, maps["u"], upsampling)
    terms = {"chart": chart_term(maps["fine_segm"], seen, cells, weights.chart)}
    body = body_points(seen)
    cells = point_cells(body, box_K4, maps["u"], upsampling)
    du_M = read_channel(maps["u"], cells, body.chart_M) - body.uv_M2[:, 0]
    dv_M = read_channel(maps["v"], cells, body.chart_M) - body.uv_M2[:, 1]
    raw = [read_channel(maps[name], cells, body.chart_M) for name in ("sigma_2", "kappa_u", "kappa_v") if name in maps]
    cost_M = isotropic_cost(du_M, dv_M, *raw) if len(raw) == 1 else anisotropic_cost(du_M, dv_M, *raw)
    terms["uv"] = Term((cost_M * body.weight_M).sum(), None, weights.confident_uv)
    return terms


CORNER = 0.1
"""Smooth L1 is quadratic below this error, in charts."""


def chart_and_mean_uv_terms(
    maps: Mapping[str, Tensor], points: RegionPoints, box_K4: Tensor, weights: PointWeights, upsampling: int = 1
) -> dict[str, Term]:
    """Terms `chart` and `uv`, both means over points (after Jia et al. 2022, UV R-CNN).

    A sum over points grows with the number of people in a batch, which can make a training collapse. So the loss is a
    mean over all points, and smooth L1 with a corner at a tenth of a chart, which is linear for usual errors.
    Arguments as for `chart_and_uv_terms`.
    """
    seen = visible_points(points, box_K4)
    cells = point_cells(seen, box_K4, maps["u"], upsampling)
    terms = {"chart": chart_term(maps["fine_segm"], seen, cells, weights.chart)}
    body = body_points(seen)
    cells = point_cells(body, box_K4, maps["u"], upsampling)
    cost_M = sum(
        F.smooth_l1_loss(
            read_channel(maps[name], cells, body.chart_M), body.uv_M2[:, axis], reduction="none", beta=CORNER
        )
        for axis, name in enumerate(("u", "v"))
    )
    terms["uv"] = Term((cost_M * body.weight_M).sum(), body.weight_M.sum(), weights.uv)
    return terms
