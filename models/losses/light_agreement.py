"""Agreement of two views of the same skin: charts, U and V of matched places (Neverova et al., CVPR 2019).

The views are two crops of a photo with other scales, rotations and flips, or of two frames that optical flow connects.
Nothing is labelled, so this teaches U and V on real people. It needs labelled crops in the same batch: alone, it could
be met by the same answer everywhere.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional

from models.body.charts import MIRROR_CHART, mirror_uv
from models.light.architecture.surface_net import PART, PERSON, UV_RANGE, SurfaceNet, U, V
from models.losses.light_surface import UV_WEIGHT, uv_cost

AGREE_WEIGHT = 0.25
"""Weight of agreement against labels."""
UNMATCHED = -1.0
"""Both coordinates of a cell without a match."""
SURE = 0.5
"""Least mean probability of a chart in whose U and V two views must agree, and of the person in both."""
_CHART = np.arange(1, 25, dtype=np.uint8)
_MIRROR = torch.from_numpy(MIRROR_CHART[1:].astype(np.int64) - 1)
_TURNS = torch.from_numpy(np.stack(mirror_uv(_CHART, np.zeros(24), np.zeros(24)))).float()
"""For each chart 1 where U, and where V, changes its direction in a mirror (2, 24)."""


class Agreement(NamedTuple):
    """Loss terms, each a scalar."""

    agree_part: torch.Tensor
    agree_uv: torch.Tensor


class SurfaceView(NamedTuple):
    """Of K places: probability of the person (K), log-probabilities of charts (K,24), U and V of each (2,K,24)."""

    person_K: torch.Tensor
    log_K24: torch.Tensor
    uv_2K24: torch.Tensor

    def mirrored(self, flip_K: torch.Tensor) -> SurfaceView:
        """The same where it is flipped, as the other side of the body."""
        flip_K1 = flip_K[:, None]
        turns_2K24 = _TURNS.to(self.uv_2K24)[:, None] * flip_K1
        charts = _MIRROR.to(flip_K.device)
        log_K24, uv_2K24 = self.log_K24[:, charts], self.uv_2K24[..., charts]
        turned_2K24 = turns_2K24 + (1 - 2 * turns_2K24) * uv_2K24
        return SurfaceView(
            self.person_K, torch.where(flip_K1, log_K24, self.log_K24), torch.where(flip_K1, turned_2K24, self.uv_2K24)
        )


def agreement_losses(
    net: SurfaceNet,
    x_NCHW: torch.Tensor,
    twin_T: torch.Tensor,
    match_TGG2: torch.Tensor,
    known_K: torch.Tensor,
    flip_T: torch.Tensor,
    *,
    metric_uv: bool,
) -> Agreement:
    """How far two views of the same skin are apart.

    Args:
        net: the surface network.
        x_NCHW: the crops' features, `net.features`.
        twin_T: int64, indices of crops in the batch; two of them in turn are views of the same skin.
        match_TGG2: for each cell the place x, y in the other view, 0..1, that shows the same skin; UNMATCHED elsewhere.
        known_K: `matched_cells` of the matches.
        flip_T: whether one of both views is mirrored against the other.
        metric_uv: differences in U and V count by their length on the skin.
    """
    if not len(twin_T):
        nothing = x_NCHW.sum() * 0
        return Agreement(nothing, nothing)
    maps_TCGG = functional.pixel_shuffle(net.read(x_NCHW[twin_T]), 2).float()
    other_TCGG = maps_TCGG.unflatten(0, (-1, 2)).flip(1).flatten(0, 1)
    there_TCGG = functional.grid_sample(other_TCGG, match_TGG2 * 2 - 1, align_corners=False)
    here, there = surface_view(maps_TCGG, known_K), surface_view(there_TCGG, known_K)
    flip_K = flip_T[known_K // match_TGG2[0, ..., 0].numel()]
    return gap_between(here, there.mirrored(flip_K), metric_uv=metric_uv)


def matched_cells(match_TGG2: torch.Tensor) -> torch.Tensor:
    """Indices (K) of the cells with a match, crop by crop and row by row. On a GPU this would synchronise."""
    return (match_TGG2[..., 0] != UNMATCHED).flatten().nonzero()[:, 0]


def surface_view(maps_NCGG: torch.Tensor, cell_K: torch.Tensor) -> SurfaceView:
    """What the output maps say at cells (see `matched_cells`)."""
    maps_KC = maps_NCGG.movedim(1, -1).flatten(0, 2)[cell_K]
    scale, shift = UV_RANGE
    uv_2K24 = torch.stack([maps_KC[:, U], maps_KC[:, V]]) * scale + shift
    return SurfaceView(maps_KC[:, PERSON][:, 0].sigmoid(), maps_KC[:, PART].log_softmax(1), uv_2K24)


def gap_between(here: SurfaceView, there: SurfaceView, *, metric_uv: bool) -> Agreement:
    """Cross entropy of both with their mean, less its entropy, and the distance of U and V in the most probable chart.

    Only places count that both show as the person's.
    """
    body_K = ((here.person_K > SURE) & (there.person_K > SURE)).float().detach()
    mean_K24 = ((here.log_K24.exp() + there.log_K24.exp()) / 2).detach()
    log_mean_K24 = mean_K24.clamp(min=1e-9).log()
    gap_K = sum((mean_K24 * (log_mean_K24 - one.log_K24)).sum(1) for one in (here, there)) / 2
    most_K, chart_K = mean_K24.max(1)
    gap_2K = (here.uv_2K24 - there.uv_2K24).abs().gather(2, chart_K.expand(2, -1)[..., None])[..., 0]
    cost_K2 = uv_cost(metric=metric_uv).to(gap_2K)[chart_K]
    sure_K = body_K * (most_K > SURE)
    uv = ((gap_2K.T * cost_K2).sum(1) * sure_K).sum() / sure_K.sum().clamp(min=1)
    return Agreement(AGREE_WEIGHT * (gap_K * body_K).sum() / body_K.sum().clamp(min=1), AGREE_WEIGHT * UV_WEIGHT * uv)
