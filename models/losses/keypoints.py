"""Loss of the keypoint head (He et al. 2017, §5): a softmax over the cells of a region for every labelled joint."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from models.losses.terms import Term

IGNORED = -1


def keypoint_cells(keypoint_KJ3: Tensor, box_K4: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """The cell of each joint, and which joints count: those that are labelled and inside the region or on its edge.

    Args:
        keypoint_KJ3: x, y in network pixels; visibility (0: not labelled).
        box_K4: the regions.
        side: cells per side.

    Returns:
        Row-major cell (K, J) int64, and whether the joint counts (K, J) bool.
    """
    low_K12, size_K12 = box_K4[:, None, :2], (box_K4[:, 2:] - box_K4[:, :2])[:, None]
    at_KJ2 = ((keypoint_KJ3[..., :2] - low_K12) * (side / size_K12)).floor()
    on_edge = keypoint_KJ3[..., :2] == box_K4[:, None, 2:]
    at_KJ2 = torch.where(on_edge, float(side - 1), at_KJ2)
    counts = ((at_KJ2 >= 0) & (at_KJ2 < side)).all(dim=2) & (keypoint_KJ3[..., 2] > 0)
    at_KJ2 = at_KJ2.clamp(0, side - 1).long()
    return at_KJ2[..., 1] * side + at_KJ2[..., 0], counts


def keypoint_term(score_KJSS: Tensor, keypoint_KJ3: Tensor, box_K4: Tensor, weight: float) -> Term:
    """Cross entropy over cells, a mean over the joints that count. It does not synchronise with a GPU."""
    cell_KJ, counts_KJ = keypoint_cells(keypoint_KJ3, box_K4, score_KJSS.shape[-1])
    cell_KJ = torch.where(counts_KJ, cell_KJ, IGNORED)
    total = F.cross_entropy(
        score_KJSS.flatten(2).flatten(0, 1), cell_KJ.flatten(), ignore_index=IGNORED, reduction="sum"
    )
    return Term(total, counts_KJ.sum(), weight)
