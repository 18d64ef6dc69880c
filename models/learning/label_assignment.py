"""Assignment of anchors and regions to people in training, and sampling of examples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import box_iou

BACKGROUND, IGNORED_EXAMPLE = -1, -2
"""Used in place of a person's index. IGNORED_EXAMPLE: IoU too high for background and too low for a person."""
ANCHOR_SHARE, REGION_SHARE = 0.5, 0.25
"""Largest share of positive examples among sampled anchors and regions (Ren et al., Faster R-CNN, 2015, §3.1.3; the
reference)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Number of training examples per image. The defaults are those of the reference.

    Attributes:
        anchors: anchors per image, at most `ANCHOR_SHARE` of them positive.
        regions: regions per image, at most `REGION_SHARE` of them positive.
        proposals: proposals per level before and per image after non-maximum suppression.
        dense: regions per image for the dense heads; None: all with enough overlap.
    """

    anchors: int = 256
    regions: int = 512
    proposals: int = 2000
    dense: int | None = None


def assign_anchors(anchor_A4: Tensor, box_N4: Tensor) -> Tensor:
    """For each anchor the index of its person, BACKGROUND (IoU below 0.3) or IGNORED_EXAMPLE.

    Anchors with IoU of at least 0.7 belong to a person, and so do the best anchors of each person, including ties.

    Returns: (A,) int64.
    """
    if not len(box_N4):
        return torch.full((len(anchor_A4),), BACKGROUND, dtype=torch.int64, device=anchor_A4.device)
    iou_NA = box_iou(box_N4, anchor_A4)
    best_A, person_A = iou_NA.max(dim=0)
    of_A = torch.full_like(person_A, IGNORED_EXAMPLE)
    of_A[best_A < 0.3] = BACKGROUND
    of_A[best_A >= 0.7] = person_A[best_A >= 0.7]
    top_N = iou_NA.max(dim=1).values
    tied_A = ((iou_NA == top_N[:, None]) & (top_N[:, None] > 0)).any(dim=0)
    of_A[tied_A] = person_A[tied_A]
    return of_A


def assign_regions(region_R4: Tensor, box_N4: Tensor) -> tuple[Tensor, Tensor]:
    """For each region its person (IoU of at least 0.5) or BACKGROUND, (R,) int64; and the IoU, (R,) float32."""
    if not len(box_N4):
        return torch.full((len(region_R4),), BACKGROUND, device=region_R4.device), region_R4.new_zeros(len(region_R4))
    best_R, person_R = box_iou(box_N4, region_R4).max(dim=0)
    return torch.where(best_R >= 0.5, person_R, BACKGROUND), best_R


def sample_examples(of_A: Tensor, count: int, share: float, random: np.random.Generator) -> Tensor:
    """Sample training examples: at most `count * share` positive ones; background fills the rest.

    Args:
        of_A: from `assign_anchors` or `assign_regions`.
        count: number of examples.
        share: maximum share of positive examples.
        random: generator of this image and step; the choice does not depend on the number or order of workers.

    Returns:
        Indices of the examples, positive ones first.
    """
    label_of = of_A.cpu().numpy()
    person, background = np.flatnonzero(label_of >= 0), np.flatnonzero(label_of == BACKGROUND)
    person = random.permutation(person)[: int(count * share)]
    background = random.permutation(background)[: count - len(person)]
    return torch.from_numpy(np.concatenate([person, background])).to(of_A.device)
