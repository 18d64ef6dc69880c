"""Which anchors and regions answer for which person in training, and which of them are shown (facts §8)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import box_iou

BACKGROUND, BETWEEN = -1, -2
"""In place of a person's number: nobody; and too near to a person to be nobody, too far to be the person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How many examples of a picture are shown; the defaults are the reference's.

    Attributes:
        anchors, anchor_share: anchors a picture, and the most of them that are people's.
        regions, region_share: regions a picture, and the most of them that are people's.
        proposals: kept a level before and after suppression.
        dense: regions of a picture that the dense heads see; None = all that lie well enough.
    """

    anchors: int = 256
    anchor_share: float = 0.5
    regions: int = 512
    region_share: float = 0.25
    proposals: int = 2000
    dense: int | None = None


def assign_anchors(anchor_A4: Tensor, box_N4: Tensor) -> Tensor:
    """Per anchor the person it answers for, BACKGROUND (IoU < .3) or BETWEEN.

    Anchors of IoU .7 and each person's best ones, ties too, answer for people.

    Returns: (A,) int64.
    """
    if not len(box_N4):
        return torch.full((len(anchor_A4),), BACKGROUND, dtype=torch.int64, device=anchor_A4.device)
    iou_NA = box_iou(box_N4, anchor_A4)
    best_A, person_A = iou_NA.max(dim=0)
    of_A = torch.full_like(person_A, BETWEEN)
    of_A[best_A < 0.3] = BACKGROUND
    of_A[best_A >= 0.7] = person_A[best_A >= 0.7]
    top_N = iou_NA.max(dim=1).values
    tied_A = ((iou_NA == top_N[:, None]) & (top_N[:, None] > 0)).any(dim=0)
    of_A[tied_A] = person_A[tied_A]
    return of_A


def assign_regions(region_R4: Tensor, box_N4: Tensor) -> tuple[Tensor, Tensor]:
    """Per region the person it answers for at IoU .5, or BACKGROUND; and that IoU. (R,) int64, (R,) float32."""
    if not len(box_N4):
        return torch.full((len(region_R4),), BACKGROUND, device=region_R4.device), region_R4.new_zeros(len(region_R4))
    best_R, person_R = box_iou(box_N4, region_R4).max(dim=0)
    return torch.where(best_R >= 0.5, person_R, BACKGROUND), best_R


def sample(of_A: Tensor, count: int, share: float, random: np.random.Generator) -> Tensor:
    """Examples to show: at most `count · share` that answer for people, filled up with background.

    Args:
        of_A: from `assign_anchors` or `assign_regions`.
        random: of this picture and step, so that a choice depends on neither workers nor order.

    Returns:
        Their indices, people's first.
    """
    answer = of_A.cpu().numpy()
    person, nobody = np.flatnonzero(answer >= 0), np.flatnonzero(answer == BACKGROUND)
    person = random.permutation(person)[: int(count * share)]
    nobody = random.permutation(nobody)[: count - len(person)]
    return torch.from_numpy(np.concatenate([person, nobody])).to(of_A.device)
