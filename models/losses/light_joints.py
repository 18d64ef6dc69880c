"""Losses of the light surface network's joints: where each joint of a crop is, and whether it is visible."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch.nn import functional

from models.light.architecture.surface_net import JointLogits

PLACE_WEIGHT, VISIBLE_WEIGHT = 0.1, 0.1
HIDDEN_WEIGHT = 0.5
"""Weight of the place of a joint that is hidden, or may be, against that of a visible one."""


class JointLosses(NamedTuple):
    """Terms of the joints' loss, each a scalar."""

    joint: torch.Tensor
    visible: torch.Tensor


def joint_losses(logits: JointLogits, joint_NJ3: torch.Tensor, side: int) -> JointLosses:
    """Cross entropy of each joint's place, and binary cross entropy of its visibility there.

    The target is spread over the four cells around the joint by bilinear weights, so that the place between cells is
    learned, too. Joints outside the crop are learned as "not in the crop".

    Args:
        logits: of the crops.
        joint_NJ3: x, y in pixels of the crop; the third number is -1 for a joint that is not in the image, 0 for one
            whose place is unknown, 1 for a hidden one, 2 for a visible one, and 3 where its visibility is unknown.
        side: pixels per side of the crop.
    """
    place_KC = logits.place.float().flatten(2).flatten(0, 1)
    visible_KC = logits.visible.float().flatten(2).flatten(0, 1)
    cells = logits.place.shape[-1]
    joint_K3 = joint_NJ3.float().flatten(0, 1)
    state_K = joint_K3[:, 2]
    at_K2 = joint_K3[:, :2] * (cells / side)
    inside_K = (state_K > 0) & ((at_K2 >= 0) & (at_K2 < cells)).all(1)
    cell_K4, share_K4 = corner_shares(at_K2, cells)
    nowhere_K1 = place_KC.new_zeros(len(place_KC), 1)
    log_KC = torch.cat([place_KC, nowhere_K1], 1).log_softmax(1)
    found_K = (log_KC.gather(1, cell_K4) * share_K4).sum(1)
    gap_K = -torch.where(inside_K, found_K, log_KC[:, -1])
    weight_K = torch.where((state_K == 1) | (state_K == 3), HIDDEN_WEIGHT, 1.0) * (state_K != 0)
    shown_K = (visible_KC.gather(1, cell_K4) * share_K4).sum(1)
    judged_K = inside_K & (state_K != 3)
    seen_K = functional.binary_cross_entropy_with_logits(shown_K, (state_K == 2).float(), reduction="none") * judged_K
    return JointLosses(
        PLACE_WEIGHT * (gap_K * weight_K).sum() / weight_K.sum().clamp(min=1),
        VISIBLE_WEIGHT * seen_K.sum() / judged_K.sum().clamp(min=1),
    )


def corner_shares(at_K2: torch.Tensor, cells: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The four cells (row-major, int64) around places in cells (K, 2), and their bilinear weights; (K, 4) each."""
    low_K2 = (at_K2 - 0.5).clamp(0, cells - 1)
    first_K2 = low_K2.floor().clamp(max=cells - 2)
    right_K2 = low_K2 - first_K2
    x_K, y_K = first_K2.long().unbind(1)
    (fx, fy), first = right_K2.unbind(1), y_K * cells + x_K
    cell_K4 = torch.stack([first, first + 1, first + cells, first + cells + 1], 1)
    return cell_K4, torch.stack([(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy], 1)
