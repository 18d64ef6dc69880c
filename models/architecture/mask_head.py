"""The mask head: which pixels of a region are the person (He et al. 2017)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from models.architecture.first_values import draw_he
from models.architecture.sizes import Sizes


class MaskPredictor(nn.Module):
    """From a dense head's features to one logit a cell, on twice as many cells a side."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.deconv = nn.ConvTranspose2d(sizes.head, sizes.head // 2, 2, stride=2)
        self.predictor = nn.Conv2d(sizes.head // 2, 1, 1)
        draw_he(self.deconv)
        draw_he(self.predictor)

    def forward(self, x_KChw: Tensor) -> Tensor:
        """(K, C, S, S) to (K, 1, 2S, 2S) float32."""
        return self.predictor(F.relu(self.deconv(x_KChw))).float()
