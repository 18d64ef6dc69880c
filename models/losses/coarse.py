"""The loss of the coarse segmentation, from the annotators' part masks (facts §8)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from models.losses.terms import Term

IGNORED = 255
"""The target of a cell that costs nothing."""


def coarse_targets(label_KLL: Tensor, truth_K4: Tensor, box_K4: Tensor, side: int) -> Tensor:
    """Coarse labels of regions, from label maps over the people's own boxes.

    Args:
        label_KLL: uint8 coarse labels over the person's box (256 × 256 in DensePose-COCO).
        truth_K4, box_K4: the person's box and the region, network pixels, float32.
        side: cells of the region's map.

    Returns:
        (K, side, side) int64: the nearest label, 0 outside of the person's box. Cells are read at their upper left
        corners, as the reference does.
    """
    # The box's corners become grid coordinates first and the steps are taken between them: cells that lie halfway
    # between two labels then round as the reference's do.
    size_K2 = truth_K4[:, 2:] - truth_K4[:, :2]
    low_K2 = (box_K4[:, :2] - truth_K4[:, :2]) * 2 / size_K2 - 1
    high_K2 = (box_K4[:, 2:] - truth_K4[:, :2]) * 2 / size_K2 - 1
    step_S = torch.arange(side, device=box_K4.device, dtype=torch.float32) / side
    grid_KS2 = step_S[:, None] * (high_K2 - low_K2)[:, None] + low_K2[:, None]
    x_KSS = grid_KS2[:, None, :, 0].expand(-1, side, -1)
    y_KSS = grid_KS2[:, :, None, 1].expand(-1, -1, side)
    label = label_KLL[:, None].float()
    found = F.grid_sample(label, torch.stack([x_KSS, y_KSS], dim=3), "nearest", "zeros", align_corners=True)
    return found[:, 0].long()


def coarse_term(coarse_KCSS: Tensor, target_KSS: Tensor, weight: float) -> Term:
    """Cross entropy over cells, a mean; with two channels every part is "person".

    Args:
        coarse_KCSS: logits, C = 2 or 15.
        target_KSS: coarse labels 0..14 or IGNORED, int64.
    """
    ignored = target_KSS == IGNORED
    if coarse_KCSS.shape[1] == 2:
        target_KSS = (target_KSS > 0).long().masked_fill(ignored, IGNORED)
    total = F.cross_entropy(coarse_KCSS, target_KSS, ignore_index=IGNORED, reduction="sum")
    return Term(total, (~ignored).sum(), weight)
