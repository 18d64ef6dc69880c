"""DensePose-RCNN as four parts of layers only, which torch or OpenVINO run.

Selection (of proposals and people) and pooling are plain code between the parts. Maps pass between parts as
(N, H, W, C): engines compute in this memory order, and pooling reads whole cells.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from models.architecture.box_head import BINS
from models.architecture.decoder import Decoder
from models.architecture.rcnn import DensePoseRCNN
from models.engines.engine import Precision, compile_request, import_openvino

RunPart = Callable[[Sequence[Tensor]], list[Tensor]]
"""A part compiled by an engine."""


class NetworkPart(nn.Module):
    """A piece of the network that an engine compiles as one graph.

    Attributes:
        examples: small float32 inputs, one per argument. Real inputs may differ in size, but not in channels.
    """

    examples: tuple[Tensor, ...]

    def cast(self, x: Tensor) -> Tensor:
        """Convert to the dtype of the part's weights."""
        return x.to(next(self.parameters()).dtype)

    def channels_first(self, x_NHWC: Tensor) -> Tensor:
        """(N, C, H, W) in channels-last memory, with the dtype of the weights."""
        return self.cast(x_NHWC).permute(0, 3, 1, 2)


def channels_last(x_NCHW: Tensor) -> Tensor:
    """(N, H, W, C)."""
    return x_NCHW.permute(0, 2, 3, 1)


class ImagePart(NetworkPart):
    """Backbone, pyramid and proposal head: everything before the proposals are selected."""

    def __init__(self, network: DensePoseRCNN) -> None:
        super().__init__()
        self.examples = (torch.zeros(1, 64, 96, 3),)
        self.backbone = network.backbone
        self.proposal_generator = network.proposal_generator

    def forward(self, x_NHW3: Tensor) -> tuple[Tensor, ...]:
        """p2..p5 (N, H, W, 256), then logits (N, H*W*3) of p2..p6, then deltas (N, H*W*3, 4) of p2..p6."""
        levels = self.backbone(self.channels_first(x_NHW3))
        logits, deltas = zip(*self.proposal_generator(levels), strict=True)
        return *(channels_last(level) for level in levels[:4]), *logits, *deltas


class BoxPart(NetworkPart):
    """The box head: from proposals to people."""

    def __init__(self, network: DensePoseRCNN) -> None:
        super().__init__()
        self.examples = (torch.zeros(2, BINS, BINS, network.sizes.pyramid),)
        self.box_head = network.roi_heads.box_head
        self.box_predictor = network.roi_heads.box_predictor

    def forward(self, pooled_KhwC: Tensor) -> tuple[Tensor, Tensor]:
        """(K, 7, 7, 256) to logits (K, 2) and deltas (K, 4)."""
        return self.box_predictor(self.box_head(self.cast(pooled_KhwC)))


class DecoderPart(NetworkPart):
    """The decoder: from p2..p5 to the map from which people are pooled."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.examples = tuple(
            torch.zeros(1, 16 >> level, 24 >> level, decoder.predictor.in_channels) for level in range(4)
        )
        self.decoder = decoder

    def forward(self, p2: Tensor, p3: Tensor, p4: Tensor, p5: Tensor) -> tuple[Tensor]:
        """Four (N, H, W, 256) to (N, H of p2, W of p2, 256)."""
        levels = [self.channels_first(level) for level in (p2, p3, p4, p5)]
        return (channels_last(self.decoder(levels)),)


class SurfacePart(NetworkPart):
    """The dense heads with their cascade: computed for every person."""

    def __init__(self, network: DensePoseRCNN) -> None:
        super().__init__()
        bins = network.sizes.bins
        self.examples = (torch.zeros(2, bins, bins, network.sizes.pyramid),)
        self.roi_heads = network.roi_heads
        self.names = network.roi_heads.names

    def forward(self, pooled_KhwC: Tensor) -> tuple[Tensor, ...]:
        """(K, S, S, 256) to the maps in the order of `names`, (K, channels, 4S, 4S); the mask has 2S x 2S cells."""
        maps = self.roi_heads.final_maps(self.channels_first(pooled_KhwC))
        return tuple(maps[name] for name in self.names)


def run_by_torch(part: NetworkPart) -> RunPart:
    """Run a part with torch."""

    def run(inputs: Sequence[Tensor]) -> list[Tensor]:
        with torch.inference_mode():
            return [output.contiguous() for output in part(*inputs)]

    return run


def run_by_openvino(part: NetworkPart, precision: Precision, threads: int) -> RunPart:
    """Compile a part with OpenVINO for inputs of any batch size and map size.

    Args:
        part: float32, on the CPU.
        precision: of the arithmetic; inputs and outputs are float32.
        threads: number of compute threads.
    """
    openvino = import_openvino()
    shapes = [[-1, -1, -1, example.shape[-1]] for example in part.examples]
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Traced here, because OpenVINO itself would trace twice and copy the weights again.
        traced = torch.jit.trace(part, part.examples, check_trace=False)
        graph = openvino.convert_model(traced, example_input=part.examples, input=shapes)
    request = compile_request(graph, threads=threads, precision=precision)

    def run(inputs: Sequence[Tensor]) -> list[Tensor]:
        # Return copies: the next call reuses the request's memory.
        request.infer([x.contiguous().numpy() for x in inputs], share_inputs=True)
        return [torch.from_numpy(tensor.data.copy()) for tensor in request.output_tensors]

    return run
