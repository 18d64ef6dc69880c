"""The cross-task cascade: each task is asked twice, the second time in the light of all tasks' first answers.

Güler et al. 2018, §3.3: the second stage sees the region's own features and the first stage's outputs of every task.
Both stages are trained (deep supervision); the second one answers.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.architecture.dense_tasks import KEYPOINTS, MASK, DenseTasks
from models.architecture.densepose_head import PARTS
from models.architecture.keypoint_head import KEYPOINTS as JOINTS
from models.architecture.variant import Variant


def evidence_channels(variant: Variant) -> int:
    """Channels that `evidence` makes of the first stage."""
    coarse = variant.maps["ann_index"]
    return coarse + 3 * PARTS + (1 if variant.mask else 0) + (JOINTS if variant.keypoints else 0)


def evidence(maps: Mapping[str, Tensor]) -> Tensor:
    """The first stage's answers on the region's own cells: probabilities of parts, their U and V, mask, joints.

    Args:
        maps: what `DenseTasks.answer` gave, two cells to one of the region along each side (keypoints: four).

    Returns:
        (K, channels, S, S): segmentations as probabilities, U and V weighed by their part's, joints as probabilities
        of a cell relative to the best one.
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
    """The second stage of all tasks; every task mixes features and evidence in its own way."""

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        width = variant.sizes.pyramid
        self.heads = DenseTasks(variant)
        self.mix = nn.ModuleDict(
            {task: nn.Conv2d(width + evidence_channels(variant), width, 1) for task in self.heads.tasks}
        )

    def inputs(self, pooled_KChw: Tensor, first: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What each task's second head sees, (K, C, S, S)."""
        seen = torch.cat([pooled_KChw, evidence(first).to(pooled_KChw.dtype)], dim=1)
        # The features go past the mixing as well, so that the second stage starts no worse than the first.
        return {task: pooled_KChw + F.relu(layer(seen)) for task, layer in self.mix.items()}

    def surface(self, pooled_KChw: Tensor, first: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The surface maps alone, for serving."""
        seen = self.inputs(pooled_KChw, first)
        return self.heads.surface(seen["surface"])

    def forward(self, pooled_KChw: Tensor, first: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Maps of all tasks, as `DenseTasks.answer`."""
        return self.heads.answer(self.inputs(pooled_KChw, first))
