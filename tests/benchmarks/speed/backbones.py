"""R50 against R101: size of the networks, and CPU time of their layers on one image with five people.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.speed.backbones

Layers alone, by torch in float32 on one thread, with random weights. Selection, pooling and assembly are the same for
both (docs/benchmarks/zoo_speed.md). The networks run in turn, so that other load disturbs both alike.
"""

from __future__ import annotations

import sys
import time

import torch
from torch import Tensor, nn

from models.architecture.rcnn import DensePoseRCNN, fold_norms
from models.variant import Variant

NAMES = ("r50", "r101")
SIDES = (416, 544)
PEOPLE, PROPOSALS, ROUNDS = 5, 300, 3


def layers(network: DensePoseRCNN, x_13HW: Tensor) -> None:
    """All layers on an image: pyramid and proposals, box head, decoder, dense head."""
    heads, width = network.roi_heads, network.sizes.pyramid
    levels = network.backbone(x_13HW)
    network.proposal_generator(levels)
    heads.box_predictor(heads.box_head(torch.zeros(PROPOSALS, 7, 7, width)))
    assert heads.decoder is not None
    heads.decoder(levels[:4])
    heads.final_maps(torch.zeros(PEOPLE, width, network.sizes.bins, network.sizes.bins))


def millions(module: nn.Module) -> float:
    """Parameters of a module, in millions."""
    return sum(value.numel() for value in module.state_dict().values()) / 1e6


@torch.inference_mode()
def main() -> int:
    """Measure and print the table."""
    torch.set_num_threads(1)
    networks = {name: DensePoseRCNN(Variant(backbone=name)).eval() for name in NAMES}
    sizes = {name: (millions(one), millions(one.backbone)) for name, one in networks.items()}
    for one in networks.values():
        fold_norms(one)
    x_13HW = torch.randn(1, 3, *SIDES).contiguous(memory_format=torch.channels_last)
    spent: dict[str, list[float]] = {name: [] for name in NAMES}
    for _ in range(ROUNDS + 1):
        for name, network in networks.items():
            began = time.process_time()
            layers(network, x_13HW)
            spent[name].append(time.process_time() - began)
    best = {name: min(seconds[1:]) for name, seconds in spent.items()}
    print(
        f"| | million numbers | of these backbone | MB float32 | s at {SIDES[1]}×{SIDES[0]}, {PEOPLE} people | ratio |"
    )
    print("|---|---|---|---|---|---|")
    for name in NAMES:
        whole, backbone = sizes[name]
        ratio = best[name] / best[NAMES[0]]
        print(f"| {name.upper()} | {whole:.1f} | {backbone:.1f} | {4 * whole:.0f} | {best[name]:.2f} | {ratio:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
