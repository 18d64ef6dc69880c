"""The component `detector` of the light network: an anchor-free detector of one class, people (after FCOS, 2019)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from models.light.architecture.blocks import Context, ConvNormAct, trunk_stage, upsample
from models.light.architecture.detector_locations import STRIDES
from models.light.architecture.preprocessing import MEAN, STD
from models.light.architecture.sizes import DEFAULT_SIZES, DetectorSizes


class PersonDetector(nn.Module):
    """Backbone at strides 2..32, a small FPN and one shared head: a person score and four distances per location.

    Attributes:
        parts: auxiliary head on the map of stride 8, for background and 24 charts; only training uses it.
    """

    def __init__(self, sizes: DetectorSizes = DEFAULT_SIZES.detector) -> None:
        super().__init__()
        widths, blocks = sizes.widths, sizes.blocks
        pyramid = widths[2]
        self.stem = ConvNormAct(3, widths[0], 3, 2)
        self.stages = nn.ModuleList(
            trunk_stage(c_in, c_out, count) for c_in, c_out, count in zip(widths[:-1], widths[1:], blocks, strict=True)
        )
        self.context = Context(widths[4])
        self.lateral = nn.ModuleList(nn.Conv2d(width, pyramid, 1) for width in widths[2:])
        self.smooth = nn.ModuleList(ConvNormAct(pyramid, pyramid, 3) for _ in STRIDES)
        self.head = ConvNormAct(pyramid, pyramid, 3)
        self.score = nn.Conv2d(pyramid, 1, 1)
        self.distance = nn.Conv2d(pyramid, 4, 1)
        self.parts = nn.Conv2d(pyramid, 25, 1)
        for layer, start in ((self.score, -4.0), (self.distance, 1.0)):
            assert layer.bias is not None
            nn.init.constant_(layer.bias, start)

    def pyramid(self, x_NCHW: torch.Tensor) -> list[torch.Tensor]:
        """Feature maps at strides 8, 16, 32 of a normalised image whose sides are multiples of 32."""
        x = self.stages[0](self.stem(x_NCHW))
        c3 = self.stages[1](x)
        c4 = self.stages[2](c3)
        c5 = self.context(self.stages[3](c4))
        p5 = self.lateral[2](c5)
        p4 = self.lateral[1](c4) + upsample(p5)
        p3 = self.lateral[0](c3) + upsample(p4)
        return [smooth(p) for smooth, p in zip(self.smooth, (p3, p4, p5), strict=True)]

    def read(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        """Score logit and log-distances (left, top, right, bottom, in strides) of every location, (N, P, 5)."""
        rows = []
        for p in maps:
            h = self.head(p)
            rows.append(torch.cat([self.score(h), self.distance(h)], 1).flatten(2))
        return torch.cat(rows, 2).transpose(1, 2)

    def forward(self, rgb_NCHW: torch.Tensor) -> torch.Tensor:
        """Rows (N, P, 5), see `read`, for pixels 0..255."""
        return self.read(self.pyramid((rgb_NCHW - MEAN) / STD))

    def forward_with_parts(self, rgb_NCHW: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows (N, P, 5), and part logits (N, 25, H/8, W/8) for the auxiliary loss."""
        maps = self.pyramid((rgb_NCHW - MEAN) / STD)
        return self.read(maps), self.parts(maps[0])


def decode_boxes(distance_NP4: torch.Tensor, centre_P2: torch.Tensor, stride_P: torch.Tensor) -> torch.Tensor:
    """Boxes x0, y0, x1, y1 in pixels (N, P, 4) from log-distances in strides."""
    reach = distance_NP4.float().clamp(-4, 5).exp() * stride_P[:, None]
    return torch.cat([centre_P2 - reach[..., :2], centre_P2 + reach[..., 2:]], -1)
