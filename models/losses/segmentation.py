"""Losses of the coarse segmentation (annotated part masks) and of the mask head (He et al. 2017)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import roi_align

from models.losses.terms import Term

IGNORED = 255
"""Target of cells without loss."""


def coarse_targets(label_KLL: Tensor, truth_K4: Tensor, box_K4: Tensor, side: int) -> Tensor:
    """Coarse labels of regions, resampled from label maps over the people's boxes.

    Args:
        label_KLL: uint8 coarse labels over the person's box (256 × 256 in DensePose-COCO).
        truth_K4, box_K4: the person's box and the region, network pixels, float32.
        side: cells per side of the region's map.

    Returns:
        (K, side, side) int64: the nearest label, 0 outside of the person's box. Cells are sampled at their upper left
        corners, as in the reference.
    """
    # Corners are converted to grid coordinates before the steps between them are computed: cells halfway between two
    # labels then round as in the reference.
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
    """Mean cross entropy over cells. With two channels every part counts as person.

    Args:
        coarse_KCSS: logits, C = 2 or 15.
        target_KSS: coarse labels 0..14 or IGNORED, int64.
    """
    ignored = target_KSS == IGNORED
    if coarse_KCSS.shape[1] == 2:
        target_KSS = (target_KSS > 0).long().masked_fill(ignored, IGNORED)
    total = F.cross_entropy(coarse_KCSS, target_KSS, ignore_index=IGNORED, reduction="sum")
    return Term(total, (~ignored).sum(), weight)


def mask_targets(mask_NHW: Tensor, person_K: Tensor, box_K4: Tensor, side: int) -> Tensor:
    """Cells (K, side, side) bool of regions that the person covers by at least half.

    Args:
        mask_NHW: uint8 or bool, one mask per person over the network's image.
        person_K: int64, person of each region.
        box_K4: regions, network pixels.
        side: cells per side.
    """
    rows = torch.cat([person_K[:, None].to(box_K4.dtype), box_K4], dim=1)
    covered = roi_align(mask_NHW[:, None].float(), rows, (side, side), aligned=True)
    return covered[:, 0] >= 0.5


def mask_term(logit_K1SS: Tensor, target_KSS: Tensor, weight: float) -> Term:
    """Binary cross entropy, a mean over the cells of all regions."""
    total = F.binary_cross_entropy_with_logits(logit_K1SS[:, 0], target_KSS.float(), reduction="sum")
    return Term(total, float(target_KSS.numel()), weight)
