"""Losses of the light surface network: person, part, U and V of crops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch.nn import functional

from models.body.charts import COARSE_NAMES, COARSE_OF_CHART
from models.light.architecture.preprocessing import MARGIN
from models.light.architecture.surface_net import SurfaceNet

_AREA = (0.21, 0.30, *[0.035] * 2, *[0.06] * 2, *[0.095] * 4, *[0.057] * 4, *[0.039] * 4, *[0.032] * 4, *[0.075] * 2)
PART_WEIGHT = torch.tensor([min(max((0.075 / area) ** 0.5, 0.5), 1.6) for area in _AREA])
"""Weight of each chart in the part loss: smaller charts count more, by the square root of their area."""
_LIMBS = (
    (0.59, 0.39),
    (0.51, 0.32),
    (0.43, 0.20),
    (0.43, 0.19),
    (0.27, 0.17),
    (0.30, 0.25),
    (0.26, 0.12),
    (0.27, 0.14),
)
UV_METRES = torch.tensor(
    [
        (0.57, 0.44),
        (0.78, 0.56),
        *[(0.44, 0.26)] * 2,
        *[(0.41, 0.36)] * 2,
        *[limb for limb in _LIMBS for _ in range(2)],
        *[(0.32, 0.39)] * 2,
    ]
)
"""Length on the skin of one unit of U and of V, in metres: a mean over each chart of the open body (24, 2)."""
MEAN_METRES = 0.42
"""Mean of `UV_METRES` over the whole skin."""
UV_WEIGHT = 4.0
"""Weight of the loss of U and V."""
THING_WEIGHT = 0.1
"""Weight of the loss of people against things."""
POINTED = 14 * 130 / 256**2
"""Share of a person's box that a part covers when it has the maximum of 14 points. Annotators set one point per 130
cells of the box's 256 x 256 cells (Güler et al. 2018, §2.1); larger parts have no more points."""
_COARSE = torch.from_numpy(COARSE_OF_CHART).long()
UNKNOWN_UV = -1.0
"""U and V of cells where they are not known."""
EXTREMITIES = (3, 4, 5, 6)
"""Charts of hands and feet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceLossConfig:
    """Weighting of the surface losses.

    Attributes:
        metric_uv: errors of U and V count by their length on the skin.
        as_points: cells of large parts count less, as if they were annotated points (see `point_share`).
        extremities: weight of cells of hands and feet in the person loss.
    """

    metric_uv: bool = False
    as_points: bool = False
    extremities: float = 1.0


ALL_CELLS = SurfaceLossConfig()
"""Parts weighted by the square root of their area, U and V of all cells equally."""


class SurfaceLosses(NamedTuple):
    """Terms of the surface network's loss, each a scalar."""

    person: torch.Tensor
    part: torch.Tensor
    uv: torch.Tensor


def surface_losses(
    net: SurfaceNet,
    x_NCHW: torch.Tensor,
    label_NGG: torch.Tensor,
    mask_NGG: torch.Tensor,
    weight_NGG: torch.Tensor,
    uv_N2GG: torch.Tensor,
    places: BodyPlaces,
    weighting: SurfaceLossConfig = ALL_CELLS,
) -> SurfaceLosses:
    """Losses of a batch of crops: person or background, part given a person, and U and V of the true part (L1).

    Parts, U and V have a loss on the body only, so they are computed at its places only.

    Args:
        net: the surface network.
        x_NCHW: the crops' features, `net.features`.
        label_NGG: int64, 0 background, 1..24 chart, 255 ignored.
        mask_NGG: int64, the silhouette: 0 outside, 1 inside, 255 ignored.
        weight_NGG: 0..1, confidence of the part's label.
        uv_N2GG: true U and V; UNKNOWN_UV where they are not known.
        places: `body_places` of the labels.
        weighting: options of the losses.
    """
    x_PC = x_NCHW.permute(0, 2, 3, 1).flatten(0, 2)
    label_P4, weight_P4, u_P4, v_P4 = (by_place(x) for x in (label_NGG, weight_NGG, uv_N2GG[:, 0], uv_N2GG[:, 1]))
    body, exact = places
    uv_P24 = torch.stack([u_P4[exact], v_P4[exact]], 1)
    known_P4 = uv_P24[:, 0] != UNKNOWN_UV
    if weighting.as_points:
        part_share_P4 = uv_share_P4 = by_place(point_share(label_NGG))
    else:
        part_share_P4, uv_share_P4 = PART_WEIGHT.to(label_P4.device)[chart_index(label_P4)], torch.ones_like(weight_P4)
    return SurfaceLosses(
        person_loss(net.read_person(x_PC), by_place(mask_NGG), label_P4, weighting.extremities),
        part_loss(
            net.read_part(x_PC[body]),
            label_P4[body],
            weight_P4[body],
            part_share_P4[body],
        ),
        UV_WEIGHT
        * uv_loss(
            net.read_uv(x_PC[exact]),
            label_P4[exact],
            uv_P24,
            uv_share_P4[exact] * known_P4,
            metric=weighting.metric_uv,
        ),
    )


def point_share(label_NGG: torch.Tensor) -> torch.Tensor:
    """Weight of every cell as annotated points would give it (N,G,G): 1 in small parts, less in large ones.

    The measures of Güler et al. 2018 (§4.1) are means over annotated points. Every part of a person has at most 14, so
    a chest that fills a close-up has no more weight than a forearm.
    """
    coarse_NC = _COARSE.to(label_NGG.device)[label_NGG * body_mask(label_NGG)].flatten(1)
    count_NK = coarse_NC.new_zeros(len(coarse_NC), len(COARSE_NAMES))
    count_NK.scatter_add_(1, coarse_NC, torch.ones_like(coarse_NC))
    most = POINTED * label_NGG[0].numel() / MARGIN**2
    share_NK = (most / count_NK.clamp(min=1)).clamp(max=1.0)
    return share_NK.gather(1, coarse_NC).view(label_NGG.shape)


class BodyPlaces(NamedTuple):
    """Places (2x2 cells of the grid; all crops concatenated) that show the body, and those with known U and V."""

    body_B: torch.Tensor
    exact_E: torch.Tensor


def body_places(label_NGG: torch.Tensor, uv_N2GG: torch.Tensor) -> BodyPlaces:
    """The body's places in a batch. Call it on the CPU where labels are made: on a GPU it would synchronise.

    Args:
        label_NGG: 0 background, 1..24 chart, 255 ignored.
        uv_N2GG: U and V; UNKNOWN_UV where they are not known.
    """
    body_P4, known_P4 = body_mask(by_place(label_NGG)), by_place(uv_N2GG[:, 0] != UNKNOWN_UV)
    return BodyPlaces(*(some_P4.any(1).nonzero()[:, 0] for some_P4 in (body_P4, body_P4 & known_P4)))


def by_place(map_NGG: torch.Tensor) -> torch.Tensor:
    """A map of the grid as four cells per place, crop by crop and row by row: (N * G/2 * G/2, 4, …)."""
    return map_NGG.unflatten(2, (-1, 2)).unflatten(1, (-1, 2)).transpose(2, 3).flatten(0, 2).flatten(1, 2)


def body_mask(label: torch.Tensor) -> torch.Tensor:
    """True where a label is a chart."""
    return (label > 0) & (label != 255)


def person_loss(
    logit: torch.Tensor, mask: torch.Tensor, label: torch.Tensor, extremities: float = 1.0
) -> torch.Tensor:
    """Binary cross entropy of person against background, a mean over the cells with a known silhouette (any shape).

    Cells of hands and feet have the weight `extremities`.
    """
    seen = (mask != 255).float()
    person = functional.binary_cross_entropy_with_logits(logit.float(), (mask == 1).float(), reduction="none")
    count = 1 + (extremities - 1) * torch.isin(label, label.new_tensor(EXTREMITIES))
    return (person * seen * count).sum() / seen.sum().clamp(min=1)


def thing_loss(logit_N: torch.Tensor, person_N: torch.Tensor) -> torch.Tensor:
    """Binary cross entropy of boxes that hold a person against those that hold a thing.

    Args:
        logit_N: of `SurfaceNet.thing`.
        person_N: bool.
    """
    return THING_WEIGHT * functional.binary_cross_entropy_with_logits(logit_N.float(), person_N.float())


def chart_index(label: torch.Tensor) -> torch.Tensor:
    """Index 0..23 of the labelled chart; arbitrary where no chart is labelled."""
    return label.clamp(1, 24) - 1


def part_loss(
    logit_P4K: torch.Tensor,
    label_P4: torch.Tensor,
    weight_P4: torch.Tensor,
    share_P4: torch.Tensor,
) -> torch.Tensor:
    """Cross entropy of parts, a weighted mean over the body's cells.

    Args:
        logit_P4K, label_P4: logits and labels.
        weight_P4: confidence of the labels.
        share_P4: weight of the cells.
    """
    index = chart_index(label_P4)
    log_P4K = logit_P4K.float().log_softmax(2)
    part = -log_P4K.gather(2, index[:, :, None])[:, :, 0]
    weighted = body_mask(label_P4) * weight_P4 * share_P4
    return (part * weighted).sum() / weighted.sum().clamp(min=1)


def uv_loss(
    logits: tuple[torch.Tensor, torch.Tensor],
    label_P4: torch.Tensor,
    uv_P24: torch.Tensor,
    share_P4: torch.Tensor,
    *,
    metric: bool = False,
) -> torch.Tensor:
    """L1 error of U and V of the true parts, a mean over the body weighted by `share_P4`; metric: see `uv_cost`."""
    index = chart_index(label_P4)
    cost_K2 = uv_cost(metric=metric).to(uv_P24)
    gap = sum(
        (x.gather(2, index[:, :, None])[:, :, 0].float() - true).abs() * cost_K[index]
        for x, true, cost_K in zip(logits, uv_P24.unbind(1), cost_K2.unbind(1), strict=True)
    )
    weighted = body_mask(label_P4) * share_P4
    return (gap * weighted).sum() / weighted.sum().clamp(min=1)


def uv_cost(*, metric: bool) -> torch.Tensor:
    """Weight of an error in U and V of each chart (24, 2): 1, or its length on the skin divided by the mean length.

    Measures count metres, and a unit of U on the torso is much longer than a unit of V on a forearm.
    """
    return UV_METRES / MEAN_METRES if metric else torch.ones_like(UV_METRES)
