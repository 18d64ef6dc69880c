"""The keypoint head: where in a region each of COCO's 17 joints is (He et al. 2017, §5)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from models.architecture.first_values import draw_he
from models.architecture.sizes import Sizes
from models.surface.body import COCO_KEYPOINTS

KEYPOINTS = len(COCO_KEYPOINTS)


class KeypointPredictor(nn.Module):
    """From a dense head's features to one map of logits a joint: transposed convolution, then bilinear x2."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.score_lowres = nn.ConvTranspose2d(sizes.head, KEYPOINTS, 4, stride=2, padding=1)
        draw_he(self.score_lowres)

    def forward(self, x_KChw: Tensor) -> Tensor:
        """(K, C, S, S) to (K, 17, 4S, 4S) float32."""
        low = self.score_lowres(x_KChw).float()
        return F.interpolate(low, scale_factor=2.0, mode="bilinear", align_corners=False)
