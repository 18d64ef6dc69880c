"""Losses of the light surface network: what persons, parts, U, V and joints of crops cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch.nn import functional

from models.light.architecture.region import MARGIN
from models.light.architecture.surface_net import SurfaceNet
from models.losses.keypoints import keypoint_term
from models.surface.charts import COARSE_NAMES, COARSE_OF_CHART

_AREA = (0.21, 0.30, *[0.035] * 2, *[0.06] * 2, *[0.095] * 4, *[0.057] * 4, *[0.039] * 4, *[0.032] * 4, *[0.075] * 2)
PART_WEIGHT = torch.tensor([min(max((0.075 / area) ** 0.5, 0.5), 1.6) for area in _AREA])
"""Weight of each chart in the part loss: small ones count more, by the root of their area on the body."""
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
"""Metres of skin that one unit of U and of V spans on each chart of the open body, a mean over its area (24, 2)."""
MEAN_METRES = 0.42
"""The mean of these over the whole skin."""
UV_WEIGHT = 4.0
"""Weight of the loss of U and V among the other terms."""
POINTED = 14 * 130 / 256**2
"""Share of a person's box that a part takes when it gets the most points, 14: annotators set one for every 130 cells of
the box's 256 x 256 (paper §2.1), so that a larger part has no more of them."""
_COARSE = torch.from_numpy(COARSE_OF_CHART).long()
EXTREMITIES = (3, 4, 5, 6)
"""The charts of hands and feet."""
JOINT_WEIGHT = 0.1
"""Of the joints' loss among the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """What counts for how much.

    Attributes:
        metric_uv: U and V count by how far along the skin they are off.
        as_points: cells of parts, and U and V there, count as the points that annotators set (see `point_share`).
        extremities: how many times a cell of hands and feet counts where persons are told from what is around them.
    """

    metric_uv: bool = False
    as_points: bool = False
    extremities: float = 1.0


ALL_CELLS = Counting()
"""Parts weigh by the root of their area, U and V of all cells alike."""


class SurfaceLosses(NamedTuple):
    """Terms of the surface network's loss, each a scalar."""

    person: torch.Tensor
    part: torch.Tensor
    uv: torch.Tensor


def surface_losses(
    net: SurfaceNet,
    x_NCHW: torch.Tensor,
    label_NGG: torch.Tensor,
    weight_NGG: torch.Tensor,
    uv_N2GG: torch.Tensor,
    places: BodyPlaces,
    counting: Counting = ALL_CELLS,
) -> SurfaceLosses:
    """Losses of a batch of crops: person or not, which part given a person, and UV of the true part (L1).

    Parts and UV count on the body alone, so only its places are read: far less to compute than whole maps.

    Args:
        x_NCHW: the crops' features, `net.features`.
        label_NGG: int64, 0 background, 1..24 the chart, 255 ignored.
        weight_NGG: 0..1, how far the label of a part is trusted.
        uv_N2GG: true UV.
        places: `body_places` of the labels.
        counting: what counts for how much.
    """
    x_PC = x_NCHW.permute(0, 2, 3, 1).flatten(0, 2)
    label_P4, weight_P4, u_P4, v_P4 = (by_place(x) for x in (label_NGG, weight_NGG, uv_N2GG[:, 0], uv_N2GG[:, 1]))
    body, exact = places
    uv_P24 = torch.stack([u_P4[exact], v_P4[exact]], 1)
    if counting.as_points:
        part_share_P4 = uv_share_P4 = by_place(point_share(label_NGG))
    else:
        part_share_P4, uv_share_P4 = PART_WEIGHT.to(label_P4.device)[chart_index(label_P4)], torch.ones_like(weight_P4)
    return SurfaceLosses(
        person_loss(net.read_person(x_PC), label_P4, counting.extremities),
        part_loss(
            net.read_part(x_PC[body]),
            label_P4[body],
            weight_P4[body],
            part_share_P4[body],
        ),
        UV_WEIGHT
        * uv_loss(net.read_uv(x_PC[exact]), label_P4[exact], uv_P24, uv_share_P4[exact], metric=counting.metric_uv),
    )


def point_share(label_NGG: torch.Tensor) -> torch.Tensor:
    """How much every cell counts where points are counted (N,G,G): 1 in small parts, and all of a large part's alike.

    The measures of the paper (§4.1) are means over annotated points, of which every part of a person has at most 14,
    however much of the picture it takes: a chest that fills a close-up weighs no more than a forearm does.
    """
    coarse_NC = _COARSE.to(label_NGG.device)[label_NGG * on_body(label_NGG)].flatten(1)
    count_NK = coarse_NC.new_zeros(len(coarse_NC), len(COARSE_NAMES))
    count_NK.scatter_add_(1, coarse_NC, torch.ones_like(coarse_NC))
    most = POINTED * label_NGG[0].numel() / MARGIN**2
    share_NK = (most / count_NK.clamp(min=1)).clamp(max=1.0)
    return share_NK.gather(1, coarse_NC).view(label_NGG.shape)


class BodyPlaces(NamedTuple):
    """Places (2x2 cells of the grid, all crops' one after the other) that show the body; and where UV is known, too."""

    body_B: torch.Tensor
    exact_E: torch.Tensor


def body_places(label_NGG: torch.Tensor, known_N: torch.Tensor) -> BodyPlaces:
    """The places of a batch; it looks at the labels, so make it where they are made, not on a GPU that would wait.

    Args:
        label_NGG: 0 background, 1..24 the chart, 255 ignored.
        known_N: which crops' UV is known (synthetic ones).
    """
    body_P = on_body(by_place(label_NGG)).any(1)
    exact_P = body_P & known_N.repeat_interleave(len(body_P) // len(known_N))
    return BodyPlaces(body_P.nonzero()[:, 0], exact_P.nonzero()[:, 0])


def by_place(map_NGG: torch.Tensor) -> torch.Tensor:
    """A map of the grid as the four cells of every place, image by image and row by row: (N * G/2 * G/2, 4).

    Further dimensions stay behind these.
    """
    return map_NGG.unflatten(2, (-1, 2)).unflatten(1, (-1, 2)).transpose(2, 3).flatten(0, 2).flatten(1, 2)


def on_body(label: torch.Tensor) -> torch.Tensor:
    """Where a label names a chart."""
    return (label > 0) & (label != 255)


def person_loss(logit: torch.Tensor, label: torch.Tensor, extremities: float = 1.0) -> torch.Tensor:
    """Person or not, summed over the cells that are labelled and divided by their number (any shape).

    Cells of hands and feet count `extremities` times: an eighth of the skin, and four of its fourteen parts.
    """
    seen = (label != 255).float()
    person = functional.binary_cross_entropy_with_logits(logit.float(), on_body(label).float(), reduction="none")
    count = 1 + (extremities - 1) * torch.isin(label, label.new_tensor(EXTREMITIES))
    return (person * seen * count).sum() / seen.sum().clamp(min=1)


def chart_index(label: torch.Tensor) -> torch.Tensor:
    """Where in 24 charts the labelled one stands; any where none is labelled."""
    return label.clamp(1, 24) - 1


def part_loss(
    logit_P4K: torch.Tensor,
    label_P4: torch.Tensor,
    weight_P4: torch.Tensor,
    share_P4: torch.Tensor,
) -> torch.Tensor:
    """Which part, a mean over the body's cells, each counting by its share and by how far its label is trusted."""
    index = chart_index(label_P4)
    log_P4K = logit_P4K.float().log_softmax(2)
    part = -log_P4K.gather(2, index[:, :, None])[:, :, 0]
    weighted = on_body(label_P4) * weight_P4 * share_P4
    return (part * weighted).sum() / weighted.sum().clamp(min=1)


def uv_loss(
    said: tuple[torch.Tensor, torch.Tensor],
    label_P4: torch.Tensor,
    uv_P24: torch.Tensor,
    share_P4: torch.Tensor,
    *,
    metric: bool = False,
) -> torch.Tensor:
    """How far U and V of the true parts are off, a mean over the body by the cells' shares; metric: see `uv_cost`."""
    index = chart_index(label_P4)
    cost_K2 = uv_cost(metric=metric).to(uv_P24)
    gap = sum(
        (x.gather(2, index[:, :, None])[:, :, 0].float() - true).abs() * cost_K[index]
        for x, true, cost_K in zip(said, uv_P24.unbind(1), cost_K2.unbind(1), strict=True)
    )
    weighted = on_body(label_P4) * share_P4
    return (gap * weighted).sum() / weighted.sum().clamp(min=1)


def uv_cost(*, metric: bool) -> torch.Tensor:
    """What an error of one costs in U and V of each chart (24, 2): one, or its metres along the skin over their mean.

    A unit of U on the torso is six times as long as one of V on a forearm, and measures count metres.
    """
    return UV_METRES / MEAN_METRES if metric else torch.ones_like(UV_METRES)


def joint_loss(logit_NJSS: torch.Tensor, joint_NJ3: torch.Tensor, side: int) -> torch.Tensor:
    """Where each joint is: cross entropy over the map's cells (He et al. 2017, §5), a mean over the known joints.

    Args:
        logit_NJSS: `SurfaceNet.joints` of the crops' features.
        joint_NJ3: x, y in pixels of the crop, and above 0 where it is known.
        side: pixels of the crop.
    """
    crop_N4 = joint_NJ3.new_tensor([0, 0, side, side]).expand(len(joint_NJ3), 4)
    return keypoint_term(logit_NJSS.float(), joint_NJ3, crop_N4, JOINT_WEIGHT).value()
