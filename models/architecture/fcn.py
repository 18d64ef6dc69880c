"""The fully convolutional way: charts, U and V of all pixels of a picture at once (Güler et al. 2018, §3.1; DenseReg).

The same backbone, decoder, head and predictor as DensePose-RCNN, without regions between them. On pictures of one
person it is the single-person network of the supervision study, and the teacher.
"""

from __future__ import annotations

from torch import Tensor, nn

from models.architecture.backbone import Backbone
from models.architecture.decoder import Decoder
from models.architecture.dense_tasks import trunk_of
from models.architecture.densepose_head import DensePosePredictor
from models.architecture.variant import Variant


class FullConvNet(nn.Module):
    """A picture to the surface maps of everyone in it."""

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        self.sizes = variant.sizes
        self.backbone = Backbone(variant.sizes)
        self.decoder = Decoder(variant.sizes)
        self.densepose_head = trunk_of(variant)
        self.densepose_predictor = DensePosePredictor(variant.sizes.head, variant.maps)

    def forward(self, x_N3HW: Tensor) -> dict[str, Tensor]:
        """Maps by name, (N, channels, H, W) float32: one cell a pixel; H and W multiples of 32."""
        return self.densepose_predictor.enlarged(self.coarser(x_N3HW))

    def coarser(self, x_N3HW: Tensor) -> dict[str, Tensor]:
        """The maps before they are enlarged: two pixels a cell along each side (`DensePosePredictor.coarser`)."""
        return self.densepose_predictor.coarser(self.densepose_head(self.decoder(self.backbone(x_N3HW)[:4])))
