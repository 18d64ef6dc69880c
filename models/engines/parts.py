"""DensePose-RCNN cut where an engine hands over to plain code: four parts that are layers and nothing else.

Between them stand the choices (which proposals, which people) and the pooling. Maps cross the cuts as (N, H, W, C), the
memory order in which every engine computes and from which pooling reads whole cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from models.architecture.box_head import BINS
from models.architecture.decoder import Decoder
from models.architecture.rcnn import DensePoseRCNN

Run = Callable[[Sequence[Tensor]], list[Tensor]]
"""A part made ready by an engine."""


class Part(nn.Module):
    """A piece of the network that an engine runs as one.

    Attributes:
        examples: small inputs, float32, one per argument. Sizes may differ later, channels may not.
    """

    examples: tuple[Tensor, ...]

    def cast(self, x: Tensor) -> Tensor:
        """To the precision of the part's weights."""
        return x.to(next(self.parameters()).dtype)

    def channels_first(self, x_NHWC: Tensor) -> Tensor:
        """(N, C, H, W) in channels-last memory and in the weights' precision."""
        return self.cast(x_NHWC).permute(0, 3, 1, 2)


def channels_last(x_NCHW: Tensor) -> Tensor:
    """(N, H, W, C)."""
    return x_NCHW.permute(0, 2, 3, 1)


class PicturePart(Part):
    """Backbone, pyramid and proposal head: the whole-picture work before the first choice."""

    def __init__(self, network: DensePoseRCNN) -> None:
        super().__init__()
        self.examples = (torch.zeros(1, 64, 96, 3),)
        self.backbone = network.backbone
        self.proposal_generator = network.proposal_generator

    def forward(self, x_NHW3: Tensor) -> tuple[Tensor, ...]:
        """p2..p5 (N, H, W, 256); of p2..p6 the logits (N, H*W*3); of p2..p6 the deltas (N, H*W*3, 4)."""
        levels = self.backbone(self.channels_first(x_NHW3))
        logits, deltas = zip(*self.proposal_generator(levels), strict=True)
        return *(channels_last(level) for level in levels[:4]), *logits, *deltas


class BoxPart(Part):
    """The box head: the work between proposals and people."""

    def __init__(self, network: DensePoseRCNN) -> None:
        super().__init__()
        self.examples = (torch.zeros(2, BINS, BINS, network.sizes.pyramid),)
        self.box_head = network.roi_heads.box_head
        self.box_predictor = network.roi_heads.box_predictor

    def forward(self, pooled_KhwC: Tensor) -> tuple[Tensor, Tensor]:
        """(K, 7, 7, 256) to logits (K, 2) and deltas (K, 4)."""
        return self.box_predictor(self.box_head(self.cast(pooled_KhwC)))


class DecoderPart(Part):
    """The decoder: p2..p5 to the map from which people are pooled."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.examples = tuple(
            torch.zeros(1, 16 >> level, 24 >> level, decoder.predictor.in_channels) for level in range(4)
        )
        self.decoder = decoder

    def forward(self, p2: Tensor, p3: Tensor, p4: Tensor, p5: Tensor) -> tuple[Tensor]:
        """Four (N, H, W, 256) to (N, H of p2, W of p2, 256)."""
        levels = [self.channels_first(level) for level in (p2, p3, p4, p5)]
        return (channels_last(self.decoder(levels)),)


class SurfacePart(Part):
    """DensePose head and predictor: the work on every pooled person."""

    def __init__(self, network: DensePoseRCNN) -> None:
        super().__init__()
        bins = network.sizes.bins
        self.examples = (torch.zeros(2, bins, bins, network.sizes.pyramid),)
        self.roi_heads = network.roi_heads
        self.names = network.roi_heads.densepose_predictor.names

    def forward(self, pooled_KhwC: Tensor) -> tuple[Tensor, ...]:
        """(K, S, S, 256) to the predictor's maps in its own order, (K, channels, 4S, 4S)."""
        maps = self.roi_heads.final_surface(self.channels_first(pooled_KhwC))
        return tuple(maps[name] for name in self.names)


def run_by_torch(part: Part) -> Run:
    """The part as it is."""

    def run(inputs: Sequence[Tensor]) -> list[Tensor]:
        with torch.inference_mode():
            return [output.contiguous() for output in part(*inputs)]

    return run
