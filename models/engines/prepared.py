"""DensePose-RCNN made ready for inference: its parts on an engine, joined by pooling and choice (facts §4–§6)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from models.architecture.box_head import BINS as BOX_BINS
from models.architecture.pooling import image_index, pool_levels, roi_align
from models.architecture.proposals import Proposals, choose_proposals
from models.architecture.rcnn import DensePoseRCNN, fold_norms
from models.engines.engine import Engine, Precision
from models.engines.openvino_part import run_by_openvino
from models.engines.parts import BoxPart, DecoderPart, Part, PicturePart, Run, SurfacePart, run_by_torch
from models.engines.winograd import use_winograd

LEVELS = 4
DECODER_STRIDE = 4
COARSEST = 8
"""Cells of the decoder's map in one cell of p5."""
HALO = 3
"""Cells of p5 by which a window's border reaches into the decoder's map: 21 of its cells, rounded up.

The border spoils 1 cell of p5; x2 bilinear and the next 3x3 make that 3 + 1 at stride 16, 9 + 1 at 8, and 21 at 4.
"""


class PreparedRCNN:
    """Inference of one network. Tensors come and go on its device; boxes are float32 network pixels."""

    def __init__(
        self, network: DensePoseRCNN, *, engine: Engine, device: torch.device, precision: Precision, threads: int
    ) -> None:
        """Take over a network with weights, which is changed and can no longer be trained.

        Args:
            engine: what runs the layers.
            device: "cpu" for OpenVINO.
            precision: of the layers.
            threads: compute threads of OpenVINO; torch uses the process's own setting.
        """
        fold_norms(network)
        network.roi_heads.box_head.pack()
        network.eval().requires_grad_(False)
        if device.type == "cuda" and precision == "fp32":
            # Else convolutions would round their inputs to 10 bits.
            torch.backends.cudnn.allow_tf32 = False
        if engine == "torch":
            network.to(device=device, dtype=torch.bfloat16 if precision == "bf16" else torch.float32)
            network.to(memory_format=torch.channels_last)

        def ready(part: Part) -> Run:
            return run_by_torch(part) if engine == "torch" else run_by_openvino(part, precision, threads)

        def ready_people(part: SurfacePart) -> Run:
            # By Winograd's method the published head takes less time in float32 than directly in bf16.
            if engine == "openvino" and use_winograd(part):
                return run_by_openvino(part, "fp32", threads)
            return ready(part)

        self.device = device
        self.names = network.roi_heads.densepose_predictor.names
        decoder = network.roi_heads.decoder
        self.bins = network.sizes.bins
        self.picture = ready(PicturePart(network))
        self.boxes = ready(BoxPart(network))
        self.decoder = ready(DecoderPart(decoder)) if decoder else None
        self.people = ready_people(SurfacePart(network))

    def propose(self, x_NHW3: Tensor, image_hw: tuple[int, int]) -> tuple[list[Tensor], list[Proposals]]:
        """p2..p5 (N, H, W, 256) of normalised, padded pictures, and the proposals of each.

        Args:
            x_NHW3: float32, on any device.
            image_hw: the unpadded size, to which proposals are clipped.
        """
        answers = self.picture([x_NHW3.to(self.device)])
        return answers[:LEVELS], self.choose(answers, image_hw)

    def choose(self, answers: list[Tensor], image_hw: tuple[int, int]) -> list[Proposals]:
        """Proposals of every picture from the answers of the picture part."""
        levels, logits, deltas = answers[:LEVELS], answers[LEVELS : 2 * LEVELS + 1], answers[2 * LEVELS + 1 :]
        widths = [level.shape[2] for level in levels]
        widths.append(-(-widths[-1] // 2))
        return [
            choose_proposals([one[image] for one in logits], [one[image] for one in deltas], widths, image_hw)
            for image in range(len(levels[0]))
        ]

    def judge(self, levels: list[Tensor], boxes: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Logits (K, 2) and deltas (K, 4) of the boxes of all pictures, in their order; boxes: per picture (N, 4)."""
        pooled = pool_levels(levels, image_index(boxes), torch.cat(boxes), BOX_BINS)
        logits, deltas = self.boxes([pooled])
        return logits, deltas

    def pool_people(self, levels: list[Tensor], boxes: list[Tensor]) -> Tensor:
        """(K, 28, 28, 256), or (K, 14, 14, 256) of the legacy variant; boxes: per picture (N, 4), not all empty."""
        box_K4 = torch.cat(boxes)
        if self.decoder is None:
            return pool_levels(levels, image_index(boxes), box_K4, self.bins)
        window, shift_4 = decoder_window(levels, box_K4)
        decoded = self.decoder(window)[0]
        return roi_align(decoded, image_index(boxes), box_K4 - shift_4, 1 / DECODER_STRIDE, self.bins)

    def map_people(self, pooled_KhwC: Tensor) -> dict[str, Tensor]:
        """Maps by name, (K, channels, S, S) float32, S = 112 or 56."""
        return dict(zip(self.names, self.people([pooled_KhwC]), strict=True))


def decoder_window(levels: list[Tensor], box_K4: Tensor) -> tuple[list[Tensor], Tensor]:
    """The part of p2..p5 that the decoder needs so that what is pooled for these boxes is the same as from all of it.

    Args:
        levels: p2..p5, (N, H, W, C).
        box_K4: network pixels.

    Returns:
        The four windows, and (4,) what to subtract from boxes, in network pixels.
    """
    coarse = DECODER_STRIDE * COARSEST
    low = torch.floor(box_K4[:, :2].amin(dim=0) / coarse).tolist()
    # A box is at least one cell wide, and a sample lies between its cell and the next.
    high = torch.floor((box_K4.amax(dim=0)[2:] + 2 * DECODER_STRIDE) / coarse).tolist()
    spans = []
    for axis, cells in ((0, levels[-1].shape[2]), (1, levels[-1].shape[1])):
        first = min(max(math.floor(low[axis]) - HALO, 0), cells - 1)
        last = max(min(math.floor(high[axis]) + 1 + HALO, cells), first + 1)
        spans.append((first, last))
    (left, right), (top, bottom) = spans
    windows = []
    for index, level in enumerate(levels):
        scale = COARSEST >> index
        windows.append(level[:, top * scale : bottom * scale, left * scale : right * scale])
    return windows, box_K4.new_tensor([left, top, left, top]) * coarse
