"""Fully convolutional network: chart, U and V of all pixels of an image at once (Güler et al. 2018, §3.1; DenseReg).

It has the backbone, decoder, head and predictor of DensePose-RCNN, without regions. On crops of one person it is the
single-person network of the supervision study and the teacher.
"""

from __future__ import annotations

from torch import Tensor, nn

from models.architecture.backbone import Backbone
from models.architecture.decoder import Decoder
from models.architecture.dense_heads import trunk_of
from models.architecture.densepose_head import DensePosePredictor
from models.architecture.light_maps import FinestMap, LightLevels, LightPredictor
from models.variant import Sizes, Variant


class FullConvNet(nn.Module):
    """From an image to surface maps of the whole image."""

    def __init__(self, variant: Variant, sizes: Sizes | None = None) -> None:
        """Args: sizes: in place of the variant's own."""
        super().__init__()
        self.sizes = sizes or variant.sizes
        light = self.sizes.encoder == "light"
        self.backbone: Backbone = LightLevels(self.sizes) if light else Backbone(self.sizes)
        self.decoder: nn.Module = FinestMap() if light else Decoder(self.sizes)
        self.densepose_head: nn.Module = nn.Identity() if light else trunk_of(variant, self.sizes)
        self.densepose_predictor = (
            LightPredictor(variant.maps) if light else DensePosePredictor(self.sizes.head, variant.maps)
        )

    def forward(self, x_N3HW: Tensor) -> dict[str, Tensor]:
        """Maps by name, (N, channels, H, W) float32, one cell per pixel. H and W must be multiples of 32."""
        return self.densepose_predictor.upsampled(self.low_resolution(x_N3HW))

    def low_resolution(self, x_N3HW: Tensor) -> dict[str, Tensor]:
        """The maps before upsampling: one cell for 2 x 2 pixels (`DensePosePredictor.low_resolution`)."""
        return self.densepose_predictor.low_resolution(self.densepose_head(self.decoder(self.backbone(x_N3HW))))
