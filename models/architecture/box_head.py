"""The box head: classifies proposals as person or background and refines their boxes (Girshick 2015)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import nms

from models.boxes import apply_deltas, clip_boxes
from models.variant import Sizes

BINS = 7
DELTA_WEIGHTS = (10.0, 10.0, 5.0, 5.0)
PERSON = 0
"""Column of the person's logit; the last column is the background."""


class BoxHead(nn.Module):
    """Two fully connected layers over a pooled box."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.fc1 = nn.Linear(sizes.pyramid * BINS * BINS, sizes.hidden)
        self.fc2 = nn.Linear(sizes.hidden, sizes.hidden)
        self.takes_channels_last = False

    def forward(self, pooled_KhwC: Tensor) -> Tensor:
        """(K, 7, 7, 256) to (K, 1024) in the published sizes."""
        if self.takes_channels_last:
            flat = pooled_KhwC.flatten(1)
        else:
            flat = pooled_KhwC.permute(0, 3, 1, 2).flatten(1)
        return F.relu_(self.fc2(F.relu_(self.fc1(flat))))

    @torch.no_grad()
    def pack(self) -> None:
        """Reorder the first layer's columns from (C, h, w) to (h, w, C): pooled boxes then need no copy."""
        outputs = self.fc1.out_features
        weight = self.fc1.weight.view(outputs, -1, BINS * BINS).permute(0, 2, 1).reshape(outputs, -1)
        self.fc1.weight = nn.Parameter(weight.contiguous(), requires_grad=False)
        self.takes_channels_last = True


class BoxPredictor(nn.Module):
    """Logits of person and background, and four box deltas for the class person."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.cls_score = nn.Linear(sizes.hidden, 2)
        self.bbox_pred = nn.Linear(sizes.hidden, 4)

    def forward(self, x_KF: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (K, 2) of person and background, and deltas (K, 4), float32."""
        return self.cls_score(x_KF).float(), self.bbox_pred(x_KF).float()


def choose_people(
    logit_K2: Tensor,
    delta_K4: Tensor,
    proposal_K4: Tensor,
    image_hw: tuple[int, int],
    min_score: float,
    nms_threshold: float,
    most: int,
) -> tuple[Tensor, Tensor]:
    """Select the people of one image.

    Args:
        logit_K2, delta_K4: outputs of `BoxPredictor`.
        proposal_K4: the proposals that they refer to, network pixels.
        image_hw: unpadded size; boxes are clipped to it.
        min_score: boxes with lower or equal scores are removed.
        nms_threshold: IoU above which non-maximum suppression removes the box with the lower score.
        most: maximum number of people.

    Returns:
        box_N4 in network pixels and score_N, best first.
    """
    box = clip_boxes(apply_deltas(delta_K4, proposal_K4, DELTA_WEIGHTS), *image_hw)
    return best_people(box, logit_K2, min_score, nms_threshold, most)


def best_people(
    box_K4: Tensor, logit_K2: Tensor, min_score: float, nms_threshold: float, most: int
) -> tuple[Tensor, Tensor]:
    """Score threshold and non-maximum suppression on refined boxes; returns as `choose_people`."""
    score = logit_K2.softmax(dim=1)[:, PERSON]
    keep = box_K4.isfinite().all(dim=1) & score.isfinite() & (score > min_score)
    box, score = box_K4[keep], score[keep]
    kept = nms(box, score, nms_threshold)[:most]
    return box[kept], score[kept]
