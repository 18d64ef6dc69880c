"""The surface network's second stage: what the first said of everyone's parts is looked at again, as a whole."""

from __future__ import annotations

import torch
from torch import nn

from models.light.blocks import ConvNormAct, attentive, bottlenecks, trunk_stage, upsample


class SecondStage(nn.Module):
    """Corrects the features that the outputs are read from, and changes nothing before it has learnt.

    It sees the first stage's features and its answer, as the paper's cascade does (Güler et al. 2018, §3.3), at strides
    8 and 16 besides, where the first stage's own features are added.
    """

    def __init__(self, widths: tuple[int, int, int], told: int, blocks: int) -> None:
        """`widths`: of the features at strides 4, 8, 16. `told`: maps of the answer. `blocks`: at every stride."""
        super().__init__()
        wide4, wide8, wide16 = widths
        self.down8 = trunk_stage(wide4 + told, wide8, blocks)
        self.down16 = trunk_stage(wide8, wide16, blocks)
        self.attention = attentive(wide16, 1)
        self.lateral8 = nn.Conv2d(wide16, wide8, 1)
        self.decode8 = ConvNormAct(wide8, wide8, 3)
        self.tell = nn.Conv2d(wide8, wide4, 1)
        self.refined4 = bottlenecks(wide4, blocks)
        nn.init.zeros_(self.tell.weight)
        assert self.tell.bias is not None
        nn.init.zeros_(self.tell.bias)

    def forward(
        self, x4_NCHW: torch.Tensor, x8_NCHW: torch.Tensor, x16_NCHW: torch.Tensor, told_NKHW: torch.Tensor
    ) -> torch.Tensor:
        """Features (N, wide4, H, W) of the same shape as `x4`, at which the answer `told` stands, too."""
        x8 = x8_NCHW + self.down8(torch.cat([x4_NCHW, told_NKHW], 1))
        x16 = self.attention(x16_NCHW + self.down16(x8))
        x8 = self.decode8(x8 + upsample(self.lateral8(x16)))
        return self.refined4(x4_NCHW + upsample(self.tell(x8)))
