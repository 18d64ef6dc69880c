"""Losses of the light detector: which places answer for which person, and what their scores, boxes and parts cost."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch.nn import functional

from models.light.architecture.detector import decode_boxes

TOP_PLACES = 10
SURE_PLACE = 0.05
"""Score from which a teacher's box is worth learning."""


class Assignment(NamedTuple):
    """Per place: the wanted score (N,P), 0 for background, and the box to answer with (N,P,4)."""

    score: torch.Tensor
    box: torch.Tensor


def pair_iou(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """IoU and generalised IoU (Rezatofighi et al. 2019) of boxes `(..., 4)` that broadcast against each other."""
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    common = (high - low).clamp(min=0).prod(-1)
    union = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1) - common
    hull = (torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])).prod(-1)
    iou = common / (union + 1e-6)
    return iou, iou - (hull - union) / (hull + 1e-6)


def contains(box_NM4: torch.Tensor, point_P2: torch.Tensor) -> torch.Tensor:
    """Which points lie in which boxes, (N,M,P)."""
    return ((point_P2 > box_NM4[:, :, None, :2]) & (point_P2 < box_NM4[:, :, None, 2:])).all(-1)


@torch.no_grad()
def assign_places(
    logit_NP: torch.Tensor,
    box_NP4: torch.Tensor,
    centre_P2: torch.Tensor,
    truth_NM4: torch.Tensor,
    real_NM: torch.Tensor,
) -> Assignment:
    """Give each person the ten places inside the box that answer best (task-aligned assignment, Feng et al. 2021).

    Args:
        logit_NP, box_NP4: what the detector says now.
        centre_P2: the places.
        truth_NM4, real_NM: people's boxes, padded, and which of them are real.
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
    return Assignment(score_NP, truth_NM4.gather(1, owner_NP[..., None].expand(-1, -1, 4)))


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
        truth_NM4: boxes in pixels; kind_NM: 0 a person, 1 unsure (its inside costs nothing), -1 padding.
        label_Nhw: int64 part labels at stride 8; 255 is ignored.
    """
    centre_P2, stride_P = places
    logit_NP = row_NP5[..., 0].float()
    box_NP4 = decode_boxes(row_NP5[..., 1:], centre_P2, stride_P)
    wanted = assign_places(logit_NP.detach(), box_NP4.detach(), centre_P2, truth_NM4, kind_NM == 0)
    unsure_NP = (contains(truth_NM4, centre_P2) & (kind_NM == 1)[:, :, None]).any(1) & (wanted.score == 0)
    total = wanted.score.sum().clamp(min=1.0)
    score = functional.binary_cross_entropy_with_logits(logit_NP, wanted.score, reduction="none")
    box = (1 - pair_iou(box_NP4, wanted.box)[1]) * wanted.score
    parts = functional.cross_entropy(part_N25hw.float(), label_Nhw, ignore_index=255, reduction="sum")
    seen = (label_Nhw != 255).sum().clamp(min=1)
    return DetectorLosses((score * ~unsure_NP).sum() / total, 2.0 * box.sum() / total, 0.3 * parts / seen)


class TaughtLosses(NamedTuple):
    """Terms of learning the detector's answers from another detector, each a scalar."""

    taught_score: torch.Tensor
    taught_box: torch.Tensor


def taught_losses(
    row_NP5: torch.Tensor, places: tuple[torch.Tensor, torch.Tensor], answer_NP5: torch.Tensor
) -> TaughtLosses:
    """Losses of a batch against a teacher's answer at every place (distillation, Hinton et al. 2015).

    Args:
        row_NP5: output of `PersonDetector`.
        places: centres and strides of the places.
        answer_NP5: the teacher's score 0..1 and its box in pixels; a negative score where it was not asked.
    """
    score_NP = answer_NP5[..., 0].clamp(min=0)
    asked_NP = answer_NP5[..., 0] >= 0
    box_NP4 = decode_boxes(row_NP5[..., 1:], *places)
    total = score_NP.sum().clamp(min=1.0)
    gap = functional.binary_cross_entropy_with_logits(row_NP5[..., 0].float(), score_NP, reduction="none")
    away = (1 - pair_iou(box_NP4, answer_NP5[..., 1:])[1]) * score_NP * (score_NP > SURE_PLACE)
    return TaughtLosses((gap * asked_NP).sum() / total, 2.0 * away.sum() / total)
