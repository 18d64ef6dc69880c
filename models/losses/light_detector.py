"""Losses of the light detector: assignment of places to people, and losses of scores, boxes and parts."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch.nn import functional

from models.light.architecture.detector import decode_boxes

TOP_PLACES = 10


class Assignment(NamedTuple):
    """Of each place the target score (N,P), 0 for background, the target box (N,P,4) and its row of the truth (N,P)."""

    score: torch.Tensor
    box: torch.Tensor
    owner: torch.Tensor


def pair_iou(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """IoU and generalised IoU (Rezatofighi et al. 2019) of boxes (..., 4), with broadcasting."""
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    common = (high - low).clamp(min=0).prod(-1)
    union = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1) - common
    hull = (torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])).prod(-1)
    iou = common / (union + 1e-6)
    return iou, iou - (hull - union) / (hull + 1e-6)


def contains(box_NM4: torch.Tensor, point_P2: torch.Tensor) -> torch.Tensor:
    """Which boxes contain which points, (N,M,P)."""
    return ((point_P2 > box_NM4[:, :, None, :2]) & (point_P2 < box_NM4[:, :, None, 2:])).all(-1)


@torch.no_grad()
def assign_places(
    logit_NP: torch.Tensor,
    box_NP4: torch.Tensor,
    centre_P2: torch.Tensor,
    truth_NM4: torch.Tensor,
    real_NM: torch.Tensor,
) -> Assignment:
    """Assign to each person the ten best places inside the box (task-aligned assignment, Feng et al. 2021).

    Args:
        logit_NP, box_NP4: current predictions of the detector.
        centre_P2: centres of the places.
        truth_NM4, real_NM: boxes of the people with padding, and which of them are real.
    """
    iou_NMP = pair_iou(truth_NM4[:, :, None], box_NP4[:, None])[0].clamp(0, 1)
    allowed_NMP = contains(truth_NM4, centre_P2) & real_NM[:, :, None]
    fit_NMP = (logit_NP.sigmoid()[:, None].sqrt() * iou_NMP**4 + 1e-9) * allowed_NMP
    top = fit_NMP.topk(TOP_PLACES, dim=2)
    chosen_NMP = torch.zeros_like(fit_NMP).scatter_(2, top.indices, 1.0) * (fit_NMP > 0)
    owner_NP = (iou_NMP * chosen_NMP + chosen_NMP).argmax(1)
    taken_NP = chosen_NMP.sum(1) > 0
    share_NM = iou_NMP.mul(chosen_NMP).amax(2) / fit_NMP.mul(chosen_NMP).amax(2).clamp(min=1e-9)
    score_NP = (fit_NMP * share_NM[:, :, None]).gather(1, owner_NP[:, None])[:, 0] * taken_NP
    return Assignment(score_NP, truth_NM4.gather(1, owner_NP[..., None].expand(-1, -1, 4)), owner_NP)


class DetectorLosses(NamedTuple):
    """Terms of the detector's loss, each a scalar."""

    score: torch.Tensor
    box: torch.Tensor
    parts: torch.Tensor


def detector_losses(
    row_NP5: torch.Tensor,
    part_N25hw: torch.Tensor,
    places: tuple[torch.Tensor, torch.Tensor],
    truth_NM4: torch.Tensor,
    kind_NM: torch.Tensor,
    label_Nhw: torch.Tensor,
) -> DetectorLosses:
    """Losses of a batch.

    Args:
        row_NP5, part_N25hw: outputs of `PersonDetector.forward_with_parts`.
        places: centres and strides of the places.
        truth_NM4: boxes in pixels.
        kind_NM: 0: person; 1: ignored (no loss inside); -1: padding.
        label_Nhw: int64 part labels at stride 8; 255 is ignored.
    """
    centre_P2, stride_P = places
    logit_NP = row_NP5[..., 0].float()
    box_NP4 = decode_boxes(row_NP5[..., 1:], centre_P2, stride_P)
    wanted = assign_places(logit_NP.detach(), box_NP4.detach(), centre_P2, truth_NM4, kind_NM == 0)
    ignored_NP = (contains(truth_NM4, centre_P2) & (kind_NM == 1)[:, :, None]).any(1) & (wanted.score == 0)
    total = wanted.score.sum().clamp(min=1.0)
    score = functional.binary_cross_entropy_with_logits(logit_NP, wanted.score, reduction="none")
    box = (1 - pair_iou(box_NP4, wanted.box)[1]) * wanted.score
    parts = functional.cross_entropy(part_N25hw.float(), label_Nhw, ignore_index=255, reduction="sum")
    seen = (label_Nhw != 255).sum().clamp(min=1)
    return DetectorLosses((score * ~ignored_NP).sum() / total, 2.0 * box.sum() / total, 0.3 * parts / seen)
