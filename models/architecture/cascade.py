"""The cross-task cascade (Güler et al. 2018, §3.3): a second stage of all dense heads.

The second stage sees the region's features and the first stage's outputs of every task. Both stages are trained
(deep supervision). The output of the second stage is the result.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.architecture.dense_heads import JOINTS, KEYPOINTS, MASK, DenseHeads
from models.variant import PARTS, Variant


def evidence_channels(variant: Variant) -> int:
    """Number of channels of `evidence`."""
    coarse = variant.maps["ann_index"]
    return coarse + 3 * PARTS + (1 if variant.mask else 0) + (JOINTS if variant.keypoints else 0)


def evidence(maps: Mapping[str, Tensor]) -> Tensor:
    """The first stage's outputs as features on the region's own cells.

    Args:
        maps: outputs of `DenseHeads.predict`, with 2S x 2S cells (keypoints: 4S x 4S).

    Returns:
        (K, channels, S, S): probabilities of the segmentations, U and V weighted by the probability of their chart,
        the mask's probability, and each joint's probability relative to its best cell.
    """
    fine = maps["fine_segm"].softmax(dim=1)
    parts = [maps["coarse_segm"].softmax(dim=1), fine, fine * maps["u"], fine * maps["v"]]
    if MASK in maps:
        parts.append(maps[MASK].sigmoid())
    seen = [F.avg_pool2d(torch.cat(parts, dim=1), 2)]
    if KEYPOINTS in maps:
        score = maps[KEYPOINTS]
        seen.append(F.avg_pool2d((score - score.amax(dim=(2, 3), keepdim=True)).exp(), 4))
    return torch.cat(seen, dim=1)


class SecondStage(nn.Module):
    """The second stage of all dense heads. Each task mixes features and evidence with its own 1x1 convolution."""

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        width = variant.sizes.pyramid
        self.heads = DenseHeads(variant)
        self.mix = nn.ModuleDict(
            {task: nn.Conv2d(width + evidence_channels(variant), width, 1) for task in self.heads.tasks}
        )

    def inputs(self, pooled_KChw: Tensor, first: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Input of each task's second head, (K, C, S, S)."""
        seen = torch.cat([pooled_KChw, evidence(first).to(pooled_KChw.dtype)], dim=1)
        # A shortcut around the mixing: at the start of training the second stage is no worse than the first.
        return {task: pooled_KChw + F.relu(layer(seen)) for task, layer in self.mix.items()}

    def forward(self, pooled_KChw: Tensor, first: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Maps of all tasks, as from `DenseHeads.predict`."""
        return self.heads.predict(self.inputs(pooled_KChw, first))
