"""Losses of Direct DensePose beside those at points: of people at locations, of their masks, and of smoothness.

Ma et al. (3DV 2021) add an edge-aware smoothness of the global maps, weighted by exp(-|gradient of the mask|). Ours:
the assignment of locations and the losses of score and box are those of the light detector, masks have the Dice loss of
CondInst, and smoothness counts on people alone, where U and V mean something.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from models.losses.light_detector import Assignment, pair_iou
from models.losses.terms import Term

SMOOTHED = 1.0
"""Is added to both parts of the Dice ratio, so that an empty mask has a loss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectWeights:
    """Weights of the losses of Direct DensePose.

    Attributes:
        person: of the scores of locations.
        box: of the boxes.
        outline: of the people's masks.
        smooth: of differences of U and V between neighbouring cells.
    """

    person: float = 1.0
    box: float = 2.0
    outline: float = 1.0
    smooth: float = 0.1


def location_terms(logit_BP: Tensor, box_BP4: Tensor, target: Assignment, weights: DirectWeights) -> dict[str, Term]:
    """Cross entropy of the scores and generalised IoU of the boxes, over the sum of the target scores.

    Args:
        logit_BP, box_BP4: predictions at P locations of B images.
        target: from `assign_places`.
    """
    score = F.binary_cross_entropy_with_logits(logit_BP, target.score, reduction="sum")
    box = ((1 - pair_iou(box_BP4, target.box)[1]) * target.score).sum()
    total = target.score.sum()
    return {"person": Term(score, total, weights.person), "box": Term(box, total, weights.box)}


def coarse_masks(mask_NHW: Tensor, cell: int) -> Tensor:
    """Masks (N, H / cell, W / cell) float32 0 or 1: cells that the person covers by at least half."""
    return (F.avg_pool2d(mask_NHW[:, None].float(), cell)[:, 0] >= 0.5).float()


def outline_cost(logit_Khw: Tensor, mask_Khw: Tensor) -> Tensor:
    """One minus the Dice coefficient of each predicted mask and its truth, (K,)."""
    found_Khw = logit_Khw.sigmoid()
    common_K = (found_Khw * mask_Khw).sum(dim=(1, 2))
    both_K = (found_Khw**2).sum(dim=(1, 2)) + (mask_Khw**2).sum(dim=(1, 2))
    return 1 - (2 * common_K + SMOOTHED) / (both_K + SMOOTHED)


def smooth_term(u_BChw: Tensor, v_BChw: Tensor, mask_Nhw: Tensor, image_N: Tensor, weight: float) -> Term:
    """Differences of U and of V between neighbouring cells, less where a person's mask ends; a mean over neighbours.

    Args:
        u_BChw, v_BChw: predicted U and V of every chart.
        mask_Nhw: float masks of people.
        image_N: image of each person.
    """
    total, divisor = u_BChw.new_zeros(()), u_BChw.new_zeros(())
    images = u_BChw.shape[0]
    for axis in (-2, -1):
        step_Nhw = mask_Nhw.diff(dim=axis).abs()
        lower, upper = (mask_Nhw.narrow(axis, start, step_Nhw.shape[axis]) for start in (0, 1))
        edge_Bhw, person_Bhw = (
            part.new_zeros(images, *part.shape[1:]).index_add_(0, image_N, part)
            for part in (step_Nhw, torch.maximum(lower, upper))
        )
        share_Bhw = (person_Bhw > 0) * torch.exp(-edge_Bhw)
        for map_BChw in (u_BChw, v_BChw):
            total = total + (map_BChw.diff(dim=axis).abs().mean(dim=1) * share_Bhw).sum()
        divisor = divisor + (person_Bhw > 0).sum()
    return Term(total, divisor, weight)
