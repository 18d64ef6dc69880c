"""The dense heads of a region of interest: surface, and optionally person mask and keypoints."""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from models.architecture.densepose_head import ConvHead, DeepLabHead, DensePosePredictor, init_he
from models.body.open_body import COCO_KEYPOINTS
from models.variant import Sizes, Variant

SURFACE, MASK, KEYPOINTS = "surface", "mask", "keypoints"
JOINTS = len(COCO_KEYPOINTS)


class MaskPredictor(nn.Module):
    """The mask head's output layers (He et al. 2017): one logit per cell at twice the head's resolution."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.deconv = nn.ConvTranspose2d(sizes.head, sizes.head // 2, 2, stride=2)
        self.predictor = nn.Conv2d(sizes.head // 2, 1, 1)
        init_he(self.deconv)
        init_he(self.predictor)

    def forward(self, x_KChw: Tensor) -> Tensor:
        """(K, C, S, S) to (K, 1, 2S, 2S) float32."""
        return self.predictor(F.relu(self.deconv(x_KChw))).float()


class KeypointPredictor(nn.Module):
    """The keypoint head's output layers (He et al. 2017, §5): one map of logits per COCO joint.

    A transposed convolution, then bilinear upsampling by 2.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.score_lowres = nn.ConvTranspose2d(sizes.head, JOINTS, 4, stride=2, padding=1)
        init_he(self.score_lowres)

    def forward(self, x_KChw: Tensor) -> Tensor:
        """(K, C, S, S) to (K, 17, 4S, 4S) float32."""
        low = self.score_lowres(x_KChw).float()
        return F.interpolate(low, scale_factor=2.0, mode="bilinear", align_corners=False)


def trunk_of(variant: Variant, sizes: Sizes) -> nn.Module:
    """The convolutions of a dense head. Each task has its own copy (Güler et al. 2018, §3.3)."""
    return DeepLabHead(sizes) if variant.head == "deeplab" else ConvHead(sizes)


class DenseHeads(nn.Module):
    """One head and one predictor per task. Attribute names are keys of published checkpoints."""

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        sizes = variant.sizes
        self.densepose_head = trunk_of(variant, sizes)
        self.densepose_predictor = DensePosePredictor(sizes.head, variant.maps)
        self.mask_head = trunk_of(variant, sizes) if variant.mask else None
        self.mask_predictor = MaskPredictor(sizes) if variant.mask else None
        self.keypoint_head = trunk_of(variant, sizes) if variant.keypoints else None
        self.keypoint_predictor = KeypointPredictor(sizes) if variant.keypoints else None

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of this network's tasks."""
        others = ((MASK, self.mask_head), (KEYPOINTS, self.keypoint_head))
        return (SURFACE, *(name for name, head in others if head is not None))

    def predict(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Maps of all tasks.

        Args:
            inputs: each task's input, (K, C, S, S).

        Returns:
            The surface maps by name before upsampling, (K, channels, 2S, 2S); with the optional heads also `mask`
            (K, 1, 2S, 2S) and `keypoints` (K, 17, 4S, 4S).
        """
        maps = self.densepose_predictor.low_resolution(self.densepose_head(inputs[SURFACE]))
        if self.mask_head is not None and self.mask_predictor is not None:
            maps[MASK] = self.mask_predictor(self.mask_head(inputs[MASK]))
        if self.keypoint_head is not None and self.keypoint_predictor is not None:
            maps[KEYPOINTS] = self.keypoint_predictor(self.keypoint_head(inputs[KEYPOINTS]))
        return maps
