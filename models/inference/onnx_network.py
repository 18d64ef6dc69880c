"""DensePose-RCNN as one ONNX graph: input is an image of any size, output are people and their maps.

`models.engines.prepared_rcnn` selects proposals and people in plain Python. Here the same selection is written with
ONNX operators, so that one graph serves images of any size with any number of people.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import roi_align

from models.architecture.backbone import STRIDES
from models.architecture.box_head import BINS, DELTA_WEIGHTS, best_people
from models.architecture.proposals import ANCHOR_SIZES, PER_IMAGE, PER_LEVEL, anchors_at, best_proposals
from models.architecture.rcnn import DensePoseRCNN
from models.architecture.roi_pooling import SAMPLES, level_of
from models.boxes import apply_deltas, non_empty
from models.engines.rcnn_parts import BoxPart, DecoderPart, ImagePart, SurfacePart
from models.inference.preprocess import DIVISOR
from models.variant import MEAN_BGR

LEVELS = 4


class WholeNetwork(nn.Module):
    """From an image in bytes to boxes and maps; `forward` becomes the graph.

    Args:
        network: with weights and folded norms, in evaluation mode.
        min_score, nms_threshold, most: as for `choose_people`.
    """

    def __init__(self, network: DensePoseRCNN, min_score: float, nms_threshold: float, most: int) -> None:
        super().__init__()
        decoder = network.roi_heads.decoder
        self.picture = ImagePart(network)
        self.boxes = BoxPart(network)
        self.decoder = DecoderPart(decoder) if decoder else None
        self.people = SurfacePart(network)
        self.bins = network.sizes.bins
        self.rules = (min_score, nms_threshold, most)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the outputs, in order."""
        return ("boxes", "scores", *self.people.names)

    def forward(self, rgb_HW3: Tensor) -> tuple[Tensor, ...]:
        """Predict one image.

        Args:
            rgb_HW3: uint8, already resized to the network's input size.

        Returns:
            boxes (N, 4) float32 x0, y0, x1, y1 in pixels of the input; scores (N,), best first; then the raw maps of
            all dense heads, (N, channels, S, S) float32 each; `mask` and `keypoints` only where the network has them.
        """
        height, width = rgb_HW3.shape[0], rgb_HW3.shape[1]
        x_HW3 = rgb_HW3.float().flip(2) - torch.tensor(MEAN_BGR)
        padded = F.pad(x_HW3, (0, 0, 0, -width % DIVISOR, 0, -height % DIVISOR))
        limit_4 = torch.stack([torch.as_tensor(side, dtype=torch.float32) for side in (width, height, width, height)])
        outputs = self.picture(padded[None])
        levels = [level.permute(0, 3, 1, 2) for level in outputs[:LEVELS]]
        proposal_K4 = propose(outputs, limit_4)
        logit_K2, delta_K4 = self.boxes(pool(levels, proposal_K4, BINS).permute(0, 2, 3, 1))
        box_K4 = clip_to_image(apply_deltas(delta_K4, proposal_K4, DELTA_WEIGHTS), limit_4)
        box_N4, score_N = best_people(box_K4, logit_K2, *self.rules)
        if self.decoder is None:
            pooled = pool(levels, box_N4, self.bins)
        else:
            decoded = self.decoder(*outputs[:LEVELS])[0].permute(0, 3, 1, 2)
            pooled = align(decoded, box_N4, 1 / STRIDES[0], self.bins)
        return box_N4, score_N, *self.people(pooled.permute(0, 2, 3, 1))


def propose(outputs: tuple[Tensor, ...], limit_4: Tensor) -> Tensor:
    """Proposals (K, 4) of one image from the outputs of `ImagePart`, as `choose_proposals`."""
    logits, deltas = outputs[LEVELS : 2 * LEVELS + 1], outputs[2 * LEVELS + 1 :]
    widths = [level.shape[2] for level in outputs[:LEVELS]]
    widths.append((widths[-1] + 1) // 2)
    boxes, scores, levels = [], [], []
    for level, (logit, delta, width) in enumerate(zip(logits, deltas, widths, strict=True)):
        # Sort and slice instead of `topk`: its count would be a constant of the traced example.
        score, index = logit[0].sort(descending=True)
        score, index = score[:PER_LEVEL], index[:PER_LEVEL]
        anchors = anchors_at(index, width, STRIDES[level], ANCHOR_SIZES[level])
        boxes.append(apply_deltas(delta[0][index], anchors, (1.0, 1.0, 1.0, 1.0)))
        scores.append(score)
        levels.append(torch.full_like(index, level))
    box, score, of_level = clip_to_image(torch.cat(boxes), limit_4), torch.cat(scores), torch.cat(levels)
    keep = non_empty(box)
    return best_proposals(box[keep], score[keep], of_level[keep], PER_IMAGE).box_N4


def clip_to_image(box_N4: Tensor, limit_4: Tensor) -> Tensor:
    """Clip boxes to the image; limit_4: width, height, width, height."""
    return torch.minimum(box_N4.clamp(min=0), limit_4)


def align(map_1CHW: Tensor, box_K4: Tensor, scale: float, bins: int) -> Tensor:
    """RoIAlign on one image's map with the ONNX operator: (K, C, bins, bins)."""
    rois = torch.cat([torch.zeros_like(box_K4[:, :1]), box_K4], dim=1)
    return roi_align(map_1CHW, rois, (bins, bins), scale, SAMPLES, aligned=False)


def pool(levels: list[Tensor], box_K4: Tensor, bins: int) -> Tensor:
    """`pool_levels` for maps (1, C, H, W) of one image: (K, C, bins, bins) in the order of the boxes."""
    level_K = level_of(box_K4)
    chosen = [(level_K == index).nonzero().squeeze(1) for index in range(LEVELS)]
    pooled = [align(levels[index], box_K4[one], 1 / STRIDES[index], bins) for index, one in enumerate(chosen)]
    return torch.cat(pooled)[torch.cat(chosen).argsort()]
