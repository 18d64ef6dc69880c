"""UV losses of networks that say how sure they are (facts §8; Neverova et al. 2019)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor

from models.losses.points import (
    PointWeights,
    RegionPoints,
    cells_of,
    chart_term,
    on_body,
    read_channel,
    visible_points,
)
from models.losses.terms import Term

FLOOR = 0.01
"""Least variance, in squared UV units."""
LOG_2PI = math.log(2 * math.pi)


def isotropic_cost(du_M: Tensor, dv_M: Tensor, raw_M: Tensor) -> Tensor:
    """Negative log-likelihood of residuals under one variance for U and V (WC1).

    Args:
        du_M, dv_M: residuals.
        raw_M: `sigma_2` as the network gives it; softplus makes it a variance.
    """
    variance = F.softplus(raw_M) + FLOOR
    return 0.5 * (LOG_2PI + 2 * variance.log() + (du_M**2 + dv_M**2) / variance)


def anisotropic_cost(du_M: Tensor, dv_M: Tensor, raw_M: Tensor, ku_M: Tensor, kv_M: Tensor) -> Tensor:
    """Negative log-likelihood where residuals may be larger along the direction (kappa_u, kappa_v) (WC2)."""
    variance = F.softplus(raw_M) + FLOOR
    determinant = variance * (variance + ku_M**2 + kv_M**2)
    along = (du_M * ku_M + dv_M * kv_M) ** 2 / determinant
    return 0.5 * (LOG_2PI + determinant.log() + (du_M**2 + dv_M**2) / variance - along)


def chart_and_confident_uv_terms(
    maps: Mapping[str, Tensor], points: RegionPoints, box_K4: Tensor, weights: PointWeights, finer: int = 1
) -> dict[str, Term]:
    """The reference's point losses with UV confidence: terms `chart` and `uv`.

    Arguments as `points.chart_and_uv_terms`, `maps` with `sigma_2`, and for WC2 `kappa_u` and `kappa_v`.
    """
    seen = visible_points(points, box_K4)
    terms = {"chart": chart_term(maps["fine_segm"], seen, cells_of(seen, box_K4, maps["u"], finer), weights.chart)}
    body = on_body(seen)
    cells = cells_of(body, box_K4, maps["u"], finer)
    du_M = read_channel(maps["u"], cells, body.chart_M) - body.uv_M2[:, 0]
    dv_M = read_channel(maps["v"], cells, body.chart_M) - body.uv_M2[:, 1]
    raw = [read_channel(maps[name], cells, body.chart_M) for name in ("sigma_2", "kappa_u", "kappa_v") if name in maps]
    cost_M = isotropic_cost(du_M, dv_M, *raw) if len(raw) == 1 else anisotropic_cost(du_M, dv_M, *raw)
    terms["uv"] = Term((cost_M * body.weight_M).sum(), None, weights.confident_uv)
    return terms
