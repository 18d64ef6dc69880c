"""DensePose-RCNN prepared for inference: compiled parts, with pooling and selection between them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from models.architecture.box_head import BINS as BOX_BINS
from models.architecture.proposals import Proposals, choose_proposals
from models.architecture.rcnn import DensePoseRCNN, fold_norms
from models.architecture.roi_pooling import image_index, pool_levels, roi_align
from models.engines.engine import Engine, Precision
from models.engines.rcnn_parts import (
    BoxPart,
    DecoderPart,
    ImagePart,
    NetworkPart,
    RunPart,
    SurfacePart,
    run_by_openvino,
    run_by_torch,
)
from models.engines.winograd import use_winograd

LEVELS = 4
DECODER_STRIDE = 4
COARSEST = 8
"""Cells of the decoder's map per cell of p5, along each side."""
HALO = 3
"""Margin of a decoder window in cells of p5.

A window's border changes results up to 21 cells of the decoder's map inside it: 1 cell of p5 by the first 3x3
convolution; upsampling and the next 3x3 convolution make that 3 + 1 at stride 16, 9 + 1 at stride 8 and 21 at stride 4.
"""


class PreparedRCNN:
    """Inference of one network. Tensors are on its device; boxes are float32 in network pixels."""

    def __init__(
        self, network: DensePoseRCNN, *, engine: Engine, device: torch.device, precision: Precision, threads: int
    ) -> None:
        """Prepare a network with weights. The network is changed in place and can no longer be trained.

        Args:
            engine: runs the layers.
            device: must be "cpu" for OpenVINO.
            precision: of the layers.
            threads: compute threads of OpenVINO; torch uses the setting of the process.
        """
        embedder = network.roi_heads.embedder
        with torch.inference_mode():
            self.vertex_VE = None if embedder is None else embedder().to(device)
        fold_norms(network)
        network.roi_heads.box_head.pack()
        network.eval().requires_grad_(False)
        if device.type == "cuda" and precision == "fp32":
            # With TF32, convolutions would round their inputs to 10 bits.
            torch.backends.cudnn.allow_tf32 = False
        if engine == "torch":
            network.to(device=device, dtype=torch.bfloat16 if precision == "bf16" else torch.float32)
            network.to(memory_format=torch.channels_last)

        def compile_part(part: NetworkPart) -> RunPart:
            return run_by_torch(part) if engine == "torch" else run_by_openvino(part, precision, threads)

        def compile_surface_part(part: SurfacePart) -> RunPart:
            # The published head is faster with Winograd in float32 than with direct convolutions in bf16.
            if engine == "openvino" and use_winograd(part):
                return run_by_openvino(part, "fp32", threads)
            return compile_part(part)

        self.device = device
        self.names = network.roi_heads.names
        decoder = network.roi_heads.decoder
        self.bins = network.sizes.bins
        self.image_part = compile_part(ImagePart(network))
        self.boxes = compile_part(BoxPart(network))
        self.decoder = compile_part(DecoderPart(decoder)) if decoder else None
        self.people = compile_surface_part(SurfacePart(network))

    def propose(self, x_NHW3: Tensor, image_hw: tuple[int, int]) -> tuple[list[Tensor], list[Proposals]]:
        """p2..p5 (N, H, W, 256) of normalised and padded images, and the proposals of each image.

        Args:
            x_NHW3: float32, on any device.
            image_hw: unpadded size; proposals are clipped to it.
        """
        outputs = self.image_part([x_NHW3.to(self.device)])
        return outputs[:LEVELS], self.select_proposals(outputs, image_hw)

    def select_proposals(self, outputs: list[Tensor], image_hw: tuple[int, int]) -> list[Proposals]:
        """Proposals of every image, from the outputs of `ImagePart`."""
        levels, logits, deltas = outputs[:LEVELS], outputs[LEVELS : 2 * LEVELS + 1], outputs[2 * LEVELS + 1 :]
        widths = [level.shape[2] for level in levels]
        widths.append(-(-widths[-1] // 2))
        return [
            choose_proposals([one[image] for one in logits], [one[image] for one in deltas], widths, image_hw)
            for image in range(len(levels[0]))
        ]

    def classify_boxes(self, levels: list[Tensor], boxes: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Logits (K, 2) and deltas (K, 4) of the boxes of all images; boxes: (N, 4) for each image."""
        pooled = pool_levels(levels, image_index(boxes), torch.cat(boxes), BOX_BINS)
        logits, deltas = self.boxes([pooled])
        return logits, deltas

    def pool_people(self, levels: list[Tensor], boxes: list[Tensor]) -> Tensor:
        """Input of the dense heads, (K, bins, bins, 256); boxes: (N, 4) for each image, not all empty."""
        box_K4 = torch.cat(boxes)
        if self.decoder is None:
            return pool_levels(levels, image_index(boxes), box_K4, self.bins)
        window, shift_4 = decoder_window(levels, box_K4)
        decoded = self.decoder(window)[0]
        return roi_align(decoded, image_index(boxes), box_K4 - shift_4, 1 / DECODER_STRIDE, self.bins)

    def predict_surfaces(self, pooled_KhwC: Tensor) -> dict[str, Tensor]:
        """Maps of all dense heads by name, (K, channels, S, S) float32, S = 112 or 56; the mask has half the cells."""
        return dict(zip(self.names, self.people([pooled_KhwC]), strict=True))


def decoder_window(levels: list[Tensor], box_K4: Tensor) -> tuple[list[Tensor], Tensor]:
    """Crop p2..p5 to what the decoder needs for some boxes. Pooled values are the same as from the whole maps.

    Args:
        levels: p2..p5, (N, H, W, C).
        box_K4: network pixels.

    Returns:
        The four cropped maps, and the offset (4,) to subtract from boxes, in network pixels.
    """
    coarse = DECODER_STRIDE * COARSEST
    low = torch.floor(box_K4[:, :2].amin(dim=0) / coarse).tolist()
    # Pooling treats a box as at least one cell wide, and a sample is interpolated between its cell and the next.
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
