"""Losses at annotated points: which chart, and where on it (facts §8; Güler et al. 2018, §3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor

from models.losses.terms import Term


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionPoints:
    """M annotated points, each of one region (RoI).

    Attributes:
        region_M: int64, row of the regions.
        xy_M2: float32, network pixels of the picture.
        chart_M: int64, 0 background, 1..24.
        uv_M2: float32, 0..1.
        weight_M: float32, how much a point counts; 1 for annotated ones.
    """

    region_M: Tensor
    xy_M2: Tensor
    chart_M: Tensor
    uv_M2: Tensor
    weight_M: Tensor

    def only(self, keep_M: Tensor) -> RegionPoints:
        """The points that a mask or an index picks."""
        return RegionPoints(**{spec.name: getattr(self, spec.name)[keep_M] for spec in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """The cells that each point is read from: rows of the maps as (K * h * w, C), int64, and their weights."""

    row_M16: Tensor
    weight_M16: Tensor


def visible_points(points: RegionPoints, box_K4: Tensor) -> RegionPoints:
    """The points that lie inside of their region, [x0, x1) × [y0, y1)."""
    box_M4 = box_K4[points.region_M]
    inside = (points.xy_M2 >= box_M4[:, :2]) & (points.xy_M2 - box_M4[:, :2] < box_M4[:, 2:] - box_M4[:, :2])
    return points.only(inside.all(dim=1))


def cells_of(points: RegionPoints, box_K4: Tensor, map_KChw: Tensor, finer: int) -> Cells:
    """Where points are read in a map that covers the region without a half-cell shift (facts §8).

    Args:
        points, box_K4, map_KChw: the points, their regions, and the map.
        finer: the map is read as if it had been enlarged so many times, bilinear; enlarging it costs far more than
            reading a hundred points of a person.
    """
    height, width = map_KChw.shape[2:]
    count_2 = box_K4.new_tensor([width, height])
    box_M4 = box_K4[points.region_M]
    at_M2 = (points.xy_M2 - box_M4[:, :2]) * (count_2 * finer) / (box_M4[:, 2:] - box_M4[:, :2])
    low_M2 = torch.minimum(at_M2.floor().clamp(min=0), count_2 * finer - 1)
    high_M2 = torch.minimum(low_M2 + 1, count_2 * finer - 1)
    way_M2 = torch.minimum(at_M2, high_M2) - low_M2
    # Along each axis: the two cells of the enlarged map, then the two cells of the map that each of these is made of.
    place_M22 = ((torch.stack([low_M2, high_M2], dim=1) + 0.5) / finer - 0.5).clamp(min=0)
    share_M22 = torch.stack([1 - way_M2, way_M2], dim=1)
    first_M22 = place_M22.floor()
    rest_M22 = place_M22 - first_M22
    cell_M42 = torch.cat([first_M22, torch.minimum(first_M22 + 1, count_2 - 1)], dim=1).long()
    share_M42 = torch.cat([share_M22 * (1 - rest_M22), share_M22 * rest_M22], dim=1)
    row_M44 = (points.region_M[:, None, None] * height + cell_M42[:, :, None, 1]) * width + cell_M42[:, None, :, 0]
    weight_M44 = share_M42[:, :, None, 1] * share_M42[:, None, :, 0]
    return Cells(row_M16=row_M44.flatten(1), weight_M16=weight_M44.flatten(1))


def read_all(map_KChw: Tensor, cells: Cells) -> Tensor:
    """(M, C): every channel at the points, bilinear. One bag of rows a point: its gradient is one pass over the map."""
    table = map_KChw.permute(0, 2, 3, 1).reshape(-1, map_KChw.shape[1])
    return F.embedding_bag(cells.row_M16, table, per_sample_weights=cells.weight_M16, mode="sum")


def read_channel(map_KChw: Tensor, cells: Cells, channel_M: Tensor) -> Tensor:
    """(M,): one channel a point, bilinear."""
    return read_all(map_KChw, cells).gather(1, channel_M[:, None])[:, 0]


@dataclass(frozen=True, slots=True, kw_only=True)
class PointWeights:
    """Weights of the losses at points and of the coarse masks; the defaults are the reference's for s1x (facts §8).

    Attributes:
        chart: of the cross entropy over 25 charts, a mean.
        uv: of smooth L1 on U and on V, each a sum over points.
        confident_uv: of the losses with confidence, a sum over points.
        coarse: of the coarse segmentation, a mean over cells.
    """

    chart: float = 1.0
    uv: float = 0.01
    confident_uv: float = 0.0005
    coarse: float = 5.0


def chart_term(fine_K25hw: Tensor, points: RegionPoints, cells: Cells, weight: float) -> Term:
    """Cross entropy over background and 24 charts at the points, a weighted mean."""
    cost_M = F.cross_entropy(read_all(fine_K25hw, cells), points.chart_M, reduction="none")
    return Term((cost_M * points.weight_M).sum(), points.weight_M.sum(), weight)


def chart_and_uv_terms(
    maps: Mapping[str, Tensor], points: RegionPoints, box_K4: Tensor, weights: PointWeights, finer: int = 1
) -> dict[str, Term]:
    """The reference's point losses without confidence.

    Args:
        maps: `fine_segm`, `u`, `v`, (K, 25, h, w) float32, of K regions.
        points: those outside of their regions are left out.
        box_K4: the regions in network pixels.
        weights: see `PointWeights`.
        finer: how many times the maps are to be enlarged when they are read (`cells_of`).

    Returns:
        Terms `chart` (mean over points), `u` and `v` (sums over points on the body).
    """
    seen = visible_points(points, box_K4)
    cells = cells_of(seen, box_K4, maps["u"], finer)
    terms = {"chart": chart_term(maps["fine_segm"], seen, cells, weights.chart)}
    body = on_body(seen)
    cells = cells_of(body, box_K4, maps["u"], finer)
    for index, name in enumerate(("u", "v")):
        found_M = read_channel(maps[name], cells, body.chart_M)
        cost_M = F.smooth_l1_loss(found_M, body.uv_M2[:, index], reduction="none")
        terms[name] = Term((cost_M * body.weight_M).sum(), None, weights.uv)
    return terms


def on_body(points: RegionPoints) -> RegionPoints:
    """The points whose chart is not the background."""
    return points.only(points.chart_M > 0)
