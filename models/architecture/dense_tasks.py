"""What is asked about every cell of a region: the surface, and where a network has them also mask and keypoints."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from models.architecture.densepose_head import ConvHead, DeepLabHead, DensePosePredictor
from models.architecture.keypoint_head import KeypointPredictor
from models.architecture.mask_head import MaskPredictor
from models.architecture.variant import Variant

SURFACE, MASK, KEYPOINTS = "surface", "mask", "keypoints"


def trunk_of(variant: Variant) -> nn.Module:
    """The convolutions of a dense head; every task has its own of the same make (Güler et al. 2018, §3.3)."""
    return DeepLabHead(variant.sizes) if variant.head == "deeplab" else ConvHead(variant.sizes)


class DenseTasks(nn.Module):
    """One head and one predictor a task. The surface's have the names that published checkpoints give them."""

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        sizes = variant.sizes
        self.densepose_head = trunk_of(variant)
        self.densepose_predictor = DensePosePredictor(sizes.head, variant.maps)
        self.mask_head = trunk_of(variant) if variant.mask else None
        self.mask_predictor = MaskPredictor(sizes) if variant.mask else None
        self.keypoint_head = trunk_of(variant) if variant.keypoints else None
        self.keypoint_predictor = KeypointPredictor(sizes) if variant.keypoints else None

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks there are."""
        others = ((MASK, self.mask_head), (KEYPOINTS, self.keypoint_head))
        return (SURFACE, *(name for name, head in others if head is not None))

    def surface(self, x_KChw: Tensor) -> dict[str, Tensor]:
        """The surface maps by name, (K, channels, 4S, 4S) float32, as they are served."""
        return self.densepose_predictor(self.densepose_head(x_KChw))

    def answer(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Maps of all tasks, from what each task's head sees, (K, C, S, S).

        Returns:
            The surface maps by their names, not enlarged yet (K, channels, 2S, 2S); `mask` (K, 1, 2S, 2S) and
            `keypoints` (K, 17, 4S, 4S) where there are such heads.
        """
        maps = self.densepose_predictor.coarser(self.densepose_head(inputs[SURFACE]))
        if self.mask_head is not None and self.mask_predictor is not None:
            maps[MASK] = self.mask_predictor(self.mask_head(inputs[MASK]))
        if self.keypoint_head is not None and self.keypoint_predictor is not None:
            maps[KEYPOINTS] = self.keypoint_predictor(self.keypoint_head(inputs[KEYPOINTS]))
        return maps
