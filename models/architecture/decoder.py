"""The decoder: merges p2..p5 into one map of stride 4, from which the DensePose head pools (Kirillov et al. 2019).

With `Sizes.finest` 3 it merges p3..p5 into one of stride 8.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from models.variant import Sizes


class Upsample(nn.Module):
    """Bilinear upsampling by 2, corners not aligned."""

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, 2H, 2W)."""
        return F.interpolate(x_NCHW, scale_factor=2.0, mode="bilinear", align_corners=False)


class Decoder(nn.Module):
    """Convolutions and upsampling bring each level to the finest one; all are added and mixed by a 1x1 convolution."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.finest = sizes.finest
        for index in range(6 - sizes.finest):
            steps: list[nn.Module] = []
            for _ in range(max(1, index)):
                # Checkpoints number the convolutions 0, 2, 4; the upsampling layers have odd numbers.
                steps.append(ConvReLU(sizes.pyramid))
                if index:
                    steps.append(Upsample())
            self.add_module(f"p{index + sizes.finest}", nn.Sequential(*steps))
        self.predictor = nn.Conv2d(sizes.pyramid, sizes.pyramid, 1)

    def forward(self, levels: list[Tensor]) -> Tensor:
        """p2..p5 to (N, 256, H/4, W/4). Further levels are ignored."""
        total = self.get_submodule(f"p{self.finest}")(levels[0])
        for index in range(1, 6 - self.finest):
            total = total + self.get_submodule(f"p{index + self.finest}")(levels[index])
        return self.predictor(total)


class ConvReLU(nn.Conv2d):
    """A 3x3 convolution with bias, then ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, 3, padding=1)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Same shape."""
        return F.relu_(super().forward(x_NCHW))
