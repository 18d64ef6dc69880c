"""DensePose-RCNN as published, every variant of it, with the layer names of its checkpoints (facts §1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from models.backbone import Backbone, NormedConv
from models.box_head import BoxHead, BoxPredictor
from models.decoder import Decoder
from models.densepose_head import ConvHead, DeepLabHead, DensePosePredictor, map_channels
from models.proposals import ProposalGenerator


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


def fold_norms(network: DensePoseRCNN) -> None:
    """Make every frozen norm part of its convolution, in place: the same numbers from fewer operations."""
    for module in network.modules():
        if isinstance(module, NormedConv):
            module.fold()
