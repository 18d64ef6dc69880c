"""Masks of people by dynamic filters (Tian et al., CondInst, ECCV 2020): each person has three layers of its own.

The layers read the same few feature maps and the place of a cell relative to the person. All people are computed at
once, so that one more person costs a few hundred multiplications a cell.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

MASK_CHANNELS = 8
"""Channels of the features that all people share, and of the two hidden layers."""
_FIRST, _SECOND = MASK_CHANNELS * (MASK_CHANNELS + 2), MASK_CHANNELS * MASK_CHANNELS
LAYERS = (_FIRST, MASK_CHANNELS, _SECOND, MASK_CHANNELS, MASK_CHANNELS, 1)
"""Weights and biases of the three layers, in the order of a person's filters."""
FILTERS = sum(LAYERS)
"""Numbers that describe a person: 169, as in CondInst."""
REACH = 8
"""Places relative to a person are in units of this number of strides of the person's location."""
CELLS_AT_ONCE = 4096
"""Cells of all people in one step: the values of the hidden layers stay in a processor's cache."""


def person_masks(
    feature_Chw: Tensor, filter_KF: Tensor, centre_K2: Tensor, stride_K: Tensor, *, cell: float, at_once: int = 0
) -> Tensor:
    """Logits of K people's masks, (K, h, w) float32.

    Args:
        feature_Chw: shared features of one image, `MASK_CHANNELS` channels.
        filter_KF: the people's `FILTERS` numbers.
        centre_K2, stride_K: each person's location: centre, and stride of its level, in pixels.
        cell: side of a cell of the features in pixels.
        at_once: number of cells in one step; 0: all, for training.
    """
    height, width = feature_Chw.shape[1:]
    w1, b1, w2, b2, w3, b3 = filter_KF.float().split(LAYERS, dim=1)
    count = len(filter_KF)
    first_KCI = w1.view(count, MASK_CHANNELS, MASK_CHANNELS + 2)
    place_KC2 = first_KCI[:, :, MASK_CHANNELS:] / (REACH * stride_K[:, None, None])
    # The place relative to a person is that in the image minus a constant, which goes into the bias. So the first layer
    # of all people is one product with the same matrix of cells.
    first_KCI = torch.cat([first_KCI[:, :, :MASK_CHANNELS], place_KC2], dim=2)
    b1 = b1 - (place_KC2 @ centre_K2[:, :, None])[:, :, 0]
    y, x = (torch.arange(side, device=feature_Chw.device, dtype=torch.float32) for side in (height, width))
    place = torch.stack([((x + 0.5) * cell).expand(height, width), ((y + 0.5) * cell)[:, None].expand(height, width)])
    cell_IP = torch.cat([feature_Chw.float(), place]).flatten(1)
    w2, w3 = w2.view(count, MASK_CHANNELS, MASK_CHANNELS), w3.view(count, 1, MASK_CHANNELS)

    def layers(some_IP: Tensor) -> Tensor:
        hidden = torch.addmm(b1.reshape(-1, 1), first_KCI.reshape(-1, MASK_CHANNELS + 2), some_IP)
        hidden = torch.baddbmm(b2[:, :, None], w2, F.relu(hidden).view(count, MASK_CHANNELS, -1))
        return torch.baddbmm(b3[:, :, None], w3, F.relu(hidden))[:, 0]

    parts = [layers(part) for part in cell_IP.split(at_once or cell_IP.shape[1], dim=1)]
    return torch.cat(parts, dim=1).view(count, height, width)
