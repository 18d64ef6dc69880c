"""UV regression that does not drift: a mean over points with a sharper corner (after Jia et al. 2022, UV R-CNN).

That work finds that the sum over points, which grows with how many people a batch has, makes trainings collapse, and
balances the losses of the tasks. Here: the mean over all points of the batch, U and V together, and smooth L1 whose
corner lies at a tenth of a chart, so that it is L1 where errors are large and does not fade where they are usual.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor

from models.losses.points import PointWeights, RegionPoints, cells_of, chart_term, on_body, read_channel, visible_points
from models.losses.terms import Term

CORNER = 0.1
"""Of smooth L1, in charts: below it the loss is quadratic."""


def chart_and_mean_uv_terms(
    maps: Mapping[str, Tensor], points: RegionPoints, box_K4: Tensor, weights: PointWeights, finer: int = 1
) -> dict[str, Term]:
    """Terms `chart` and `uv`, both means over points. Arguments as `points.chart_and_uv_terms`."""
    seen = visible_points(points, box_K4)
    terms = {"chart": chart_term(maps["fine_segm"], seen, cells_of(seen, box_K4, maps["u"], finer), weights.chart)}
    body = on_body(seen)
    cells = cells_of(body, box_K4, maps["u"], finer)
    cost_M = sum(
        F.smooth_l1_loss(
            read_channel(maps[name], cells, body.chart_M), body.uv_M2[:, axis], reduction="none", beta=CORNER
        )
        for axis, name in enumerate(("u", "v"))
    )
    terms["uv"] = Term((cost_M * body.weight_M).sum(), body.weight_M.sum(), weights.uv)
    return terms
