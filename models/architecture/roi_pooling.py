"""RoIAlign as in the reference: no half-pixel shift, 2 x 2 samples per bin (He et al. 2017).

One bin is a weighted sum of 16 cells. On channels-last maps these cells are rows, which `embedding_bag` adds with
vector instructions; torchvision's kernel needs channels first and is much slower on a CPU.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SAMPLES = 2
CANONICAL_SIZE = 224
CANONICAL_LEVEL = 4


def level_of(box_N4: Tensor) -> Tensor:
    """Level (N,) int64 from which each box (network pixels) is pooled: 0..3 for p2..p5 (Lin et al. 2017, eq. 1)."""
    area = (box_N4[:, 2] - box_N4[:, 0]) * (box_N4[:, 3] - box_N4[:, 1])
    level = torch.floor(CANONICAL_LEVEL + torch.log2(area.sqrt() / CANONICAL_SIZE + 1e-8))
    return level.clamp(2, 5).to(torch.int64) - 2


def axis_taps(start_N: Tensor, stop_N: Tensor, bins: int, cells: int) -> tuple[Tensor, Tensor]:
    """Cells and weights along one axis: a bin is the mean of two samples, each interpolated between two cells.

    Args:
        start_N, stop_N: edges of the boxes in cells, float32.
        bins: bins of the pooled map along this axis.
        cells: cells of the feature map along this axis; a sample outside of [-1, cells] counts as 0.

    Returns:
        index (N, bins, 4) int64 and weight (N, bins, 4) float32.
    """
    size_N = (stop_N - start_N).clamp(min=1)
    step = torch.arange(bins * SAMPLES, device=start_N.device, dtype=torch.float32)
    at = start_N[:, None] + (step + 0.5) * (size_N / (bins * SAMPLES))[:, None]
    inside = (at >= -1) & (at <= cells)
    at = at.clamp(0, cells - 1)
    low = at.floor()
    high = (low + 1).clamp(max=cells - 1)
    upper = at - low
    index = torch.stack([low, high], dim=2).to(torch.int64)
    weight = torch.stack([1 - upper, upper], dim=2) * inside[..., None] / SAMPLES
    return index.view(-1, bins, 2 * SAMPLES), weight.view(-1, bins, 2 * SAMPLES)


def roi_align(map_NHWC: Tensor, image_K: Tensor, box_K4: Tensor, scale: float, bins: int) -> Tensor:
    """Pool boxes from one map.

    Args:
        map_NHWC: contiguous, float.
        image_K: int64, image of each box.
        box_K4: x0, y0, x1, y1 float32 in network pixels.
        scale: cells per network pixel.
        bins: bins per side of the pooled map.

    Returns:
        (K, bins, bins, C), dtype of the map.
    """
    _, height, width, channels = map_NHWC.shape
    box = box_K4 * scale
    row, row_weight = axis_taps(box[:, 1], box[:, 3], bins, height)
    column, column_weight = axis_taps(box[:, 0], box[:, 2], bins, width)
    row = (row + image_K[:, None, None] * height) * width
    index = row[:, :, None, :, None] + column[:, None, :, None, :]
    weight = row_weight[:, :, None, :, None] * column_weight[:, None, :, None, :]
    cells = map_NHWC.view(-1, channels)
    bag = 4 * SAMPLES * SAMPLES
    pooled = F.embedding_bag(
        index.view(-1, bag), cells, per_sample_weights=weight.view(-1, bag).to(cells.dtype), mode="sum"
    )
    return pooled.view(len(box_K4), bins, bins, channels)


def image_index(boxes: list[Tensor]) -> Tensor:
    """Image (K,) int64 of each box, when the lists of all images are concatenated."""
    counts = torch.tensor([len(one) for one in boxes], device=boxes[0].device)
    return torch.repeat_interleave(counts)


def pool_levels(levels: list[Tensor], image_K: Tensor, box_K4: Tensor, bins: int) -> Tensor:
    """Pool each box from the pyramid level that suits its size.

    Args:
        levels: p2..p5, (N, H, W, C).
        image_K, box_K4, bins: as in `roi_align`.

    Returns:
        (K, bins, bins, C), in the order of the boxes.
    """
    level_K = level_of(box_K4)
    pooled = levels[0].new_empty((len(box_K4), bins, bins, levels[0].shape[3]))
    for index in range(4):
        chosen = (level_K == index).nonzero().squeeze(1)
        if len(chosen):
            one = roi_align(levels[index], image_K[chosen], box_K4[chosen], 1 / (4 << index), bins)
            pooled.index_copy_(0, chosen, one)
    return pooled
