"""The region proposal network: boxes that may hold a person (Ren et al. 2015)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import batched_nms

from models.architecture.backbone import STRIDES
from models.boxes import apply_deltas, clip_boxes, non_empty
from models.variant import Sizes

ANCHOR_SIZES = (32, 64, 128, 256, 512)
ANCHOR_RATIOS = (0.5, 1.0, 2.0)
PER_LEVEL = 1000
PER_IMAGE = 1000
NMS_THRESHOLD = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposals:
    """Proposals of one image, best first: box_N4 in network pixels, logit_N their objectness."""

    box_N4: Tensor
    logit_N: Tensor


class ProposalHead(nn.Module):
    """Objectness and box deltas of the three anchors of every cell."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        anchors = len(ANCHOR_RATIOS)
        self.conv = nn.Conv2d(sizes.pyramid, sizes.pyramid, 3, padding=1)
        self.objectness_logits = nn.Conv2d(sizes.pyramid, anchors, 1)
        self.anchor_deltas = nn.Conv2d(sizes.pyramid, anchors * 4, 1)

    def forward(self, level_NCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, H*W*3) and deltas (N, H*W*3, 4) of one level, float32; cells row-major, then anchors."""
        x = F.relu_(self.conv(level_NCHW))
        logits = self.objectness_logits(x).permute(0, 2, 3, 1).flatten(1)
        deltas = self.anchor_deltas(x).permute(0, 2, 3, 1).reshape(x.shape[0], -1, 4)
        return logits.float(), deltas.float()


class ProposalGenerator(nn.Module):
    """The head that all levels share. The attribute name is a key of published checkpoints."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.rpn_head = ProposalHead(sizes)

    def forward(self, levels: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
        """Logits and deltas of every level p2..p6, (N, 256, H, W) each."""
        return [self.rpn_head(level) for level in levels]


def anchor_corners(size: float, device: torch.device) -> Tensor:
    """Anchors (3, 4) float32 around the origin; width = size / sqrt(ratio), height = ratio * width."""
    corners = []
    for ratio in ANCHOR_RATIOS:
        width = size / ratio**0.5
        corners.append([-width / 2, -ratio * width / 2, width / 2, ratio * width / 2])
    return torch.tensor(corners, dtype=torch.float32, device=device)


def anchors_at(index_K: Tensor, width: int, stride: int, size: float) -> Tensor:
    """Anchors of a level by flat index. The centre of cell (x, y) is (x * stride, y * stride).

    Args:
        index_K: int64; cells row-major, then ratios.
        width: cells in a row.
        stride: network pixels per cell.
        size: side of the square anchor.

    Returns:
        (K, 4) float32 x0, y0, x1, y1.
    """
    cell = index_K // len(ANCHOR_RATIOS)
    shift_K2 = torch.stack([cell % width, cell // width], dim=1) * stride
    return anchor_corners(size, index_K.device)[index_K % len(ANCHOR_RATIOS)] + shift_K2.repeat(1, 2)


def choose_proposals(
    logits: list[Tensor],
    deltas: list[Tensor],
    widths: list[int],
    image_hw: tuple[int, int],
    per_level: int = PER_LEVEL,
    per_image: int = PER_IMAGE,
) -> Proposals:
    """Select the proposals of one image: best of each level, clipping, NMS within levels, best of all levels.

    Args:
        logits: per level (H*W*3,) float32.
        deltas: per level (H*W*3, 4) float32.
        widths: cells in a row of each level.
        image_hw: unpadded image size in network pixels; boxes are clipped to it.
        per_level, per_image: boxes kept before and after non-maximum suppression.
    """
    boxes, scores, levels = [], [], []
    for level, (logit, delta, width) in enumerate(zip(logits, deltas, widths, strict=True)):
        top, index = logit.topk(min(per_level, len(logit)))
        anchors = anchors_at(index, width, STRIDES[level], ANCHOR_SIZES[level])
        boxes.append(apply_deltas(delta[index], anchors, (1.0, 1.0, 1.0, 1.0)))
        scores.append(top)
        levels.append(torch.full_like(index, level))
    box, score, of_level = torch.cat(boxes), torch.cat(scores), torch.cat(levels)
    finite = box.isfinite().all(dim=1) & score.isfinite()
    box = clip_boxes(box, *image_hw)
    keep = finite & non_empty(box)
    return best_proposals(box[keep], score[keep], of_level[keep], per_image)


def best_proposals(box_K4: Tensor, logit_K: Tensor, level_K: Tensor, most: int) -> Proposals:
    """Non-maximum suppression within levels, then the best of all levels."""
    kept = batched_nms(box_K4, logit_K, level_K, NMS_THRESHOLD)[:most]
    return Proposals(box_N4=box_K4[kept], logit_N=logit_K[kept])
