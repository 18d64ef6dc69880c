"""DensePose-RCNN: the published variants with the layer names of their checkpoints (facts §1), and kin of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.architecture.backbone import Backbone, NormedConv
from models.architecture.box_head import BoxHead, BoxPredictor
from models.architecture.cascade import SecondStage
from models.architecture.decoder import Decoder
from models.architecture.dense_tasks import DenseTasks
from models.architecture.proposals import ProposalGenerator
from models.architecture.variant import Variant


class RoIHeads(DenseTasks):
    """What is asked about a region: is it a person, and where on the body is each of its pixels."""

    def __init__(self, variant: Variant) -> None:
        super().__init__(variant)
        self.box_head = BoxHead(variant.sizes)
        self.box_predictor = BoxPredictor(variant.sizes)
        self.decoder = None if variant.legacy else Decoder(variant.sizes)
        self.second_stage = SecondStage(variant) if variant.cascade else None

    def stages(self, pooled_KChw: Tensor) -> list[dict[str, Tensor]]:
        """Maps of all dense tasks by stage, the one that counts last (`DenseTasks.answer`)."""
        first = self.answer(dict.fromkeys(self.tasks, pooled_KChw))
        return [first] if self.second_stage is None else [first, self.second_stage(pooled_KChw, first)]

    def final_surface(self, pooled_KChw: Tensor) -> dict[str, Tensor]:
        """The surface maps of the last stage, computing nothing that they do not need."""
        if self.second_stage is None:
            return self.surface(pooled_KChw)
        first = self.answer(dict.fromkeys(self.tasks, pooled_KChw))
        return self.second_stage.surface(pooled_KChw, first)


class DensePoseRCNN(nn.Module):
    """The whole network. Of a published variant the state dict has exactly the keys of the checkpoints."""

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        self.sizes = variant.sizes
        self.backbone = Backbone(variant.sizes)
        self.proposal_generator = ProposalGenerator(variant.sizes)
        self.roi_heads = RoIHeads(variant)


def empty_rcnn(variant: Variant) -> DensePoseRCNN:
    """The network without values (on the meta device), for a checkpoint to fill."""
    with torch.device("meta"):
        return DensePoseRCNN(variant)


def fold_norms(network: nn.Module) -> None:
    """Make every frozen norm part of its convolution, in place: the same numbers from fewer operations."""
    for module in network.modules():
        if isinstance(module, NormedConv):
            module.fold()
