"""DensePose-RCNN as published, every variant of it, with the layer names of its checkpoints (facts §1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from models.backbone import Backbone, NormedConv
from models.box_head import BINS as BOX_BINS
from models.box_head import BoxHead, BoxPredictor
from models.decoder import Decoder
from models.densepose_head import ConvHead, DeepLabHead, DensePosePredictor, map_channels
from models.pooling import pool_levels, roi_align
from models.proposals import ProposalGenerator

BINS = 28
LEGACY_BINS = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """Which of the published networks (facts §1); the fields are those of `NetworkConfig`."""

    backbone: Literal["r50", "r101"] = "r50"
    head: Literal["v1convx", "deeplab"] = "v1convx"
    legacy: bool = False
    confidence: Literal["none", "wc1", "wc2"] = "none"
    segm_confidence: bool = False


class RoIHeads(nn.Module):
    """What is asked about a region: is it a person, and where on the body is each of its pixels."""

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        self.box_head = BoxHead()
        self.box_predictor = BoxPredictor()
        self.decoder = None if variant.legacy else Decoder()
        self.densepose_head = DeepLabHead() if variant.head == "deeplab" else ConvHead()
        coarse = 15 if variant.legacy else 2
        channels = map_channels(coarse, variant.confidence, variant.segm_confidence)
        self.densepose_predictor = DensePosePredictor(channels)

    def judge(self, levels: list[Tensor], image_K: Tensor, proposal_K4: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (K, 2) and deltas (K, 4) of proposals in network pixels."""
        pooled = pool_levels(levels, image_K, proposal_K4, BOX_BINS)
        return self.box_predictor(self.box_head(pooled))

    def pool_people(self, levels: list[Tensor], image_K: Tensor, box_K4: Tensor) -> Tensor:
        """(K, 256, 28, 28), or (K, 256, 14, 14) of the legacy variant, for boxes in network pixels."""
        if self.decoder is None:
            return pool_levels(levels, image_K, box_K4, LEGACY_BINS)
        return roi_align(self.decoder(levels), image_K, box_K4, 1 / 4, BINS)

    def map_people(self, pooled_KChw: Tensor) -> dict[str, Tensor]:
        """Maps by name, (K, channels, S, S) float32, S = 112 or 56."""
        return self.densepose_predictor(self.densepose_head(pooled_KChw))


class DensePoseRCNN(nn.Module):
    """The whole network. Its state dict has exactly the keys of the published checkpoints."""

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        self.backbone = Backbone(variant.backbone)
        self.proposal_generator = ProposalGenerator()
        self.roi_heads = RoIHeads(variant)


def empty_rcnn(variant: Variant) -> DensePoseRCNN:
    """The network without values (on the meta device), for a checkpoint to fill."""
    with torch.device("meta"):
        return DensePoseRCNN(variant)


def prepare_for_inference(network: DensePoseRCNN, device: torch.device, dtype: torch.dtype) -> DensePoseRCNN:
    """Fold norms, reorder memory for channels-last, set device and precision; in place.

    What is prepared can no longer be trained. Boxes, scores and maps leave it in float32 whatever the precision.
    """
    for module in network.modules():
        if isinstance(module, NormedConv):
            module.fold()
    network.roi_heads.box_head.pack()
    network.eval().requires_grad_(False)
    network.to(device=device, dtype=dtype)
    return network.to(memory_format=torch.channels_last)
