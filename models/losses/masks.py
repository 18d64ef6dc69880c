"""The mask head's loss (He et al. 2017): binary cross entropy against the person's mask cut to the region."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import roi_align

from models.losses.terms import Term


def mask_targets(mask_NHW: Tensor, person_K: Tensor, box_K4: Tensor, side: int) -> Tensor:
    """(K, side, side) bool: the cells of a region of which the person covers at least half.

    Args:
        mask_NHW: uint8 or bool, one mask a person over the network's picture.
        person_K: int64, whose region it is.
        box_K4: regions, network pixels.
    """
    rows = torch.cat([person_K[:, None].to(box_K4.dtype), box_K4], dim=1)
    covered = roi_align(mask_NHW[:, None].float(), rows, (side, side), aligned=True)
    return covered[:, 0] >= 0.5


def mask_term(logit_K1SS: Tensor, target_KSS: Tensor, weight: float) -> Term:
    """Mean over the cells of all regions."""
    total = F.binary_cross_entropy_with_logits(logit_K1SS[:, 0], target_KSS.float(), reduction="sum")
    return Term(total, float(target_KSS.numel()), weight)
