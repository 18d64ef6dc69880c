"""DensePose-RCNN: the published variants, with the layer names of their checkpoints, and smaller ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from models.architecture.backbone import Backbone, NormedConv
from models.architecture.box_head import BoxHead, BoxPredictor
from models.architecture.cascade import SecondStage
from models.architecture.decoder import Decoder
from models.architecture.dense_heads import DenseHeads
from models.architecture.embedder import MeshEmbedders
from models.architecture.proposals import ProposalGenerator
from models.variant import Variant


class RoIHeads(DenseHeads):
    """All heads of a region of interest: box head and dense heads. Attribute names are checkpoint keys."""

    def __init__(self, variant: Variant) -> None:
        super().__init__(variant)
        self.box_head = BoxHead(variant.sizes)
        self.box_predictor = BoxPredictor(variant.sizes)
        self.decoder = None if variant.legacy else Decoder(variant.sizes)
        self.second_stage = SecondStage(variant) if variant.cascade else None
        self.embedder = MeshEmbedders(variant.mesh) if variant.mesh else None

    def stages(self, pooled_KChw: Tensor) -> list[dict[str, Tensor]]:
        """Maps of all dense heads for each stage of the cascade; the last one is the result."""
        first = self.predict(dict.fromkeys(self.tasks, pooled_KChw))
        return [first] if self.second_stage is None else [first, self.second_stage(pooled_KChw, first)]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the maps of `final_maps`: those of the surface, then `mask` and `keypoints` where there are any."""
        return (*self.densepose_predictor.names, *self.tasks[1:])

    def final_maps(self, pooled_KChw: Tensor) -> dict[str, Tensor]:
        """The result for inference: the last stage's maps of all tasks, the surface maps upsampled to 4S x 4S cells."""
        maps = self.stages(pooled_KChw)[-1]
        surface = self.densepose_predictor.upsampled({name: maps[name] for name in self.densepose_predictor.names})
        return {**maps, **surface}


class DensePoseRCNN(nn.Module):
    """The whole network. For a published variant the state dict has exactly the checkpoint's keys."""

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        self.sizes = variant.sizes
        self.backbone = Backbone(variant.sizes)
        self.proposal_generator = ProposalGenerator(variant.sizes)
        self.roi_heads = RoIHeads(variant)


def empty_rcnn(variant: Variant) -> DensePoseRCNN:
    """The network without weights, on the meta device; a checkpoint fills it."""
    with torch.device("meta"):
        return DensePoseRCNN(variant)


def fold_norms(network: nn.Module) -> None:
    """Fold every frozen norm and batch norm into its convolution, in place: the same results with fewer operations.

    The network is in evaluation mode afterwards.
    """
    network.eval()
    for module in list(network.modules()):
        if isinstance(module, NormedConv):
            module.fold()
        elif isinstance(module, nn.Sequential) and len(module) > 1 and isinstance(module[1], nn.BatchNorm2d):
            conv, norm = module[0], module[1]
            assert isinstance(conv, nn.Conv2d)
            module[0], module[1] = fuse_conv_bn_eval(conv, norm), nn.Identity()
