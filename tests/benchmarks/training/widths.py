"""What channels and encoders cost: surface networks in int8, one crop at a time on one thread, in turn.

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
from dataclasses import replace

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from models.light.architecture.sizes import SurfaceSizes
from models.light.architecture.surface_net import PickedSurface, SurfaceNet
from models.light.inference.graph_components import GraphComponent
from stages.training.light.quantize_light import quantized

WIDTHS = (
    ((24, 48, 96, 224), 64),
    ((24, 48, 96, 256), 64),
    ((24, 48, 128, 256), 64),
    ((32, 64, 128, 256), 64),
    ((64, 64, 128, 256), 64),
    ((32, 64, 128, 256), 96),
    ((32, 64, 128, 256), 128),
    ((32, 64, 136, 312), 88),
    ((32, 128, 128, 256), 128),
    ((32, 64, 128, 384), 128),
    ((32, 64, 256, 256), 128),
)
"""Channels at strides 2, 4, 8 and 16, and those of the outputs' input; the first row is `light v15`."""
DEPTHS = {"refined": (2, 2), "attention": 2}
V22 = SurfaceSizes(widths=(32, 64, 128, 256), wide=128, blocks=(2, 6, 9), **DEPTHS)
LITE = SurfaceSizes(encoder="lite0", crop=192, widths=(32, 64, 128, 256), blocks=(0, 0, 0), wide=128, **DEPTHS)
NETWORKS = {
    f"{' '.join(map(str, widths))}, {wide}": SurfaceSizes(widths=widths, wide=wide, blocks=(2, 6, 9), **DEPTHS)
    for widths, wide in WIDTHS
} | {
    "light v22": replace(V22, others=True, joints=True),
    "lite0 192": LITE,
    "lite0 192, 0 1 2": replace(LITE, blocks=(0, 1, 2)),
    "lite0 192, 1 2 4": replace(LITE, blocks=(1, 2, 4)),
    "lite0 192, all heads": replace(LITE, blocks=(0, 1, 2), others=True, own=True, joints=True, thing=True),
    "lite0 224": replace(LITE, crop=224),
}
PICTURES = 8


def multiplications(net: SurfaceNet) -> int:
    """Multiplications of all convolutions for one crop."""
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        net.eval()(torch.zeros(1, *shape_of(net.sizes)))
    return int(counter.get_flop_counts()["Global"][torch.ops.aten.convolution] // 2)  # it counts additions, too


def shape_of(sizes: SurfaceSizes) -> tuple[int, int, int]:
    """Channels, height and width of a crop."""
    return sizes.crops.channels, sizes.crop, sizes.crop


def main() -> None:
    """Measure all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--only", default="", metavar="NAME;NAME", help="these networks; the first is the base")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    chosen = {name: NETWORKS[name] for name in options.only.split(";") if name} or NETWORKS
    random = torch.Generator().manual_seed(0)
    sizes_text, networks, crops = {}, {}, {}
    for name, sizes in chosen.items():
        net, shape = SurfaceNet(sizes), shape_of(sizes)
        weights = sum(parameter.numel() for parameter in net.parameters())
        sizes_text[name] = f"{weights / 1e6:5.2f} M weights, {multiplications(net) / 1e6:5.0f} M multiplications"
        crops[name] = pictures = torch.randint(256, (PICTURES, 1, *shape), generator=random).float()
        graph = quantized(
            PickedSurface(net), sizes.crop, lambda step, seen=pictures: (seen[step],), PICTURES, channels=shape[0]
        )
        component = GraphComponent(graph=graph, channels=shape[0], precision="fp32", threads=1, batch_size=1)
        networks[name] = component.compiled(1, *shape[1:])
    spent: dict[str, list[float]] = {name: [] for name in chosen}
    for call in range(options.calls):
        for name, network in networks.items():
            began = time.perf_counter()
            network(crops[name][call % PICTURES].numpy())
            spent[name].append(1e3 * (time.perf_counter() - began))
    quartile = {name: float(np.percentile(times, 25)) for name, times in spent.items()}
    first = next(iter(quartile.values()))
    for name, value in quartile.items():
        print(f"{name:20s} {sizes_text[name]}, {value:5.2f} ms, {value / first:4.2f}", flush=True)


if __name__ == "__main__":
    main()
