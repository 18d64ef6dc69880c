"""What channels cost: the surface network at several widths, in eight bits, a crop at a time on one thread, in turn.

Run: `python -m tests.benchmarks.widths [--calls N]`; needs NNCF (`pip install '.[quantize]'`). Weights are random ones,
on which speed does not depend. `ONEDNN_MAX_CPU_ISA=AVX512_CORE_VNNI` or `AVX2_VNNI` before it shows what an older
processor would take. Printed of each: millions of weights and of multiplications, the first quartile of milliseconds a
crop, and that divided by the first one's.
"""

from __future__ import annotations

import argparse
import logging
import time
from typing import Any

import numpy as np
import torch
from torch import nn

from models.inference.engine import import_openvino
from models.inference.torch_body import convert_body
from models.light.pixels import CROP
from models.light.sizes import SurfaceSizes
from models.light.surface_net import PickedSurface, SurfaceNet

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
"""Channels at strides 2, 4, 8 and 16, and those that the outputs are read from; first the fifteenth weights'."""
PICTURES = 8


def multiplications(net: nn.Module) -> int:
    """Of all convolutions for one crop."""
    total = 0

    def count(layer: nn.Module, _: Any, made: torch.Tensor) -> None:
        nonlocal total
        total += next(layer.parameters()).numel() * made.shape[2] * made.shape[3]

    hooks = [layer.register_forward_hook(count) for layer in net.modules() if isinstance(layer, nn.Conv2d)]
    with torch.no_grad():
        net.eval()(torch.zeros(1, 3, CROP, CROP))
    for hook in hooks:
        hook.remove()
    return total


def main() -> None:
    """Measure all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200)
    options = parser.parse_args()
    import nncf

    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    crops = [rng.integers(0, 256, (1, 3, CROP, CROP)).astype(np.float32) for _ in range(PICTURES)]
    core = import_openvino().Core()
    settings = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    told, requests = {}, {}
    for name, (widths, wide) in NETWORKS.items():
        sizes = SurfaceSizes(widths=widths, wide=wide, blocks=(2, 6, 9), refined=(2, 2), attention=2)
        net = SurfaceNet(sizes)
        weights = sum(parameter.numel() for parameter in net.parameters())
        told[name] = f"{weights / 1e6:5.2f} M weights, {multiplications(net) / 1e6:5.0f} M multiplications"
        model = convert_body(PickedSurface(net), (1, 3, CROP, CROP))
        eight_bits = nncf.quantize(
            model, nncf.Dataset(crops), preset=nncf.QuantizationPreset.MIXED, subset_size=PICTURES
        )
        requests[name] = core.compile_model(eight_bits, "CPU", settings).create_infer_request()
    spent: dict[str, list[float]] = {name: [] for name in NETWORKS}
    for call in range(options.calls):
        for name, request in requests.items():
            began = time.perf_counter()
            request.infer([crops[call % PICTURES]])
            spent[name].append(1e3 * (time.perf_counter() - began))
    quartile = {name: float(np.percentile(times, 25)) for name, times in spent.items()}
    first = next(iter(quartile.values()))
    for name, value in quartile.items():
        print(f"{name:20s} {told[name]}, {value:5.2f} ms, {value / first:4.2f}", flush=True)


if __name__ == "__main__":
    main()
