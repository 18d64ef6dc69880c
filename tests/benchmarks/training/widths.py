"""What channels cost: the surface network at several widths, in int8, one crop at a time on one thread, in turn.

    python -m tests.benchmarks.training.widths [--calls N]

Needs NNCF (`pip install '.[quantize]'`). Weights are random: speed does not depend on them. With
`ONEDNN_MAX_CPU_ISA=AVX512_CORE_VNNI` or `AVX2_VNNI` in the environment it shows what an older processor takes. Printed
for each: millions of weights and of multiplications, the first quartile of milliseconds a crop, and its ratio to the
first row.
"""

from __future__ import annotations

import argparse
import logging
import time

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from models.light.architecture.preprocessing import CROP
from models.light.architecture.sizes import SurfaceSizes
from models.light.architecture.surface_net import PickedSurface, SurfaceNet
from models.light.inference.int8_components import compile_quantized
from stages.training.light.quantize_light import quantized

NETWORKS = {
    "24 48 96 224, 64": ((24, 48, 96, 224), 64),
    "24 48 96 256, 64": ((24, 48, 96, 256), 64),
    "24 48 128 256, 64": ((24, 48, 128, 256), 64),
    "32 64 128 256, 64": ((32, 64, 128, 256), 64),
    "64 64 128 256, 64": ((64, 64, 128, 256), 64),
    "32 64 128 256, 96": ((32, 64, 128, 256), 96),
    "32 64 128 256, 128": ((32, 64, 128, 256), 128),
    "32 64 136 312, 88": ((32, 64, 136, 312), 88),
    "32 128 128 256, 128": ((32, 128, 128, 256), 128),
    "32 64 128 384, 128": ((32, 64, 128, 384), 128),
    "32 64 256 256, 128": ((32, 64, 256, 256), 128),
}
"""Channels at strides 2, 4, 8 and 16, and those of the outputs' input; the first row is `light v15`."""
PICTURES = 8


def multiplications(net: nn.Module) -> int:
    """Multiplications of all convolutions for one crop."""
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        net.eval()(torch.zeros(1, 3, CROP, CROP))
    return int(counter.get_flop_counts()["Global"][torch.ops.aten.convolution] // 2)  # it counts additions, too


def main() -> None:
    """Measure all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    crops = torch.randint(256, (PICTURES, 1, 3, CROP, CROP), generator=torch.Generator().manual_seed(0)).float()
    sizes_text, networks = {}, {}
    for name, (widths, wide) in NETWORKS.items():
        net = SurfaceNet(SurfaceSizes(widths=widths, wide=wide, blocks=(2, 6, 9), refined=(2, 2), attention=2))
        weights = sum(parameter.numel() for parameter in net.parameters())
        sizes_text[name] = f"{weights / 1e6:5.2f} M weights, {multiplications(net) / 1e6:5.0f} M multiplications"
        graph = quantized(PickedSurface(net), CROP, lambda step: (crops[step],), PICTURES)
        networks[name] = compile_quantized(graph, (1, 3, CROP, CROP), threads=1)
    spent: dict[str, list[float]] = {name: [] for name in NETWORKS}
    for call in range(options.calls):
        for name, network in networks.items():
            began = time.perf_counter()
            network(crops[call % PICTURES].numpy())
            spent[name].append(1e3 * (time.perf_counter() - began))
    quartile = {name: float(np.percentile(times, 25)) for name, times in spent.items()}
    first = next(iter(quartile.values()))
    for name, value in quartile.items():
        print(f"{name:20s} {sizes_text[name]}, {value:5.2f} ms, {value / first:4.2f}", flush=True)


if __name__ == "__main__":
    main()
