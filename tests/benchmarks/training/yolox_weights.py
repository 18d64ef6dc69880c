"""Makes the weights of the detector YOLOX-nano, and their OpenVINO graph, from the ONNX file that Megvii publishes.

    python -m tests.benchmarks.training.yolox_weights yolox_nano.onnx OUT

Both are in half precision. The file's convolutions stand in the order in which `YoloxDetector` runs its own. Three
changes: the reordering of pixels before the first convolution becomes part of it, which also takes RGB in place of BGR;
and of 80 classes only the first, "person", is kept.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from models.arrays import F32
from models.engines.compiled_network import convert_network
from models.errors import ModelError
from models.files.atomic_file import file_sha256
from models.light.architecture.weight_files import load_yolox, write_yolox
from models.light.architecture.weight_paths import YOLOX, graph_path
from models.light.architecture.yolox import YoloxDetector
from models.light.inference.graph_components import write_graphs
from stages.training.light.quantize_light import saved

CLASSES = 80
SIDE = 416
"""Pixels of each side of the input with which the graph is stored; it takes other sizes, too."""
CORNERS = ((0, 0), (1, 0), (0, 1), (1, 1))
"""Row and column, of each 2 x 2 pixels, of the four groups of three channels before the first convolution."""


def convolutions(path: Path) -> list[tuple[F32, F32]]:
    """Weights and bias of every convolution of an ONNX file, in its order."""
    graph = onnx.load(str(path)).graph
    known = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    return [(known[node.input[1]], known[node.input[2]]) for node in graph.node if node.op_type == "Conv"]


def joined_stem(weight_O12: F32) -> F32:
    """The first convolution (O, 12, 3, 3) on reordered pixels BGR as one (O, 3, 6, 6) with step 2 on pixels RGB."""
    joined = np.zeros((len(weight_O12), 3, 6, 6), np.float32)
    for group, (row, column) in enumerate(CORNERS):
        joined[:, :, row::2, column::2] = weight_O12[:, 3 * group : 3 * group + 3][:, ::-1]
    return joined


def in_order_of_use(net: nn.Module) -> list[nn.Conv2d]:
    """The convolutions of a network in the order in which it runs them."""
    found: list[nn.Conv2d] = []
    own = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    hooks = [module.register_forward_hook(lambda module, *_: found.append(module)) for module in own]
    with torch.no_grad():
        net(torch.zeros(1, 3, 64, 64))
    for hook in hooks:
        hook.remove()
    return found


def converted(path: Path) -> YoloxDetector:
    """The network with the weights of an ONNX file. Raises: ModelError for a file of another network."""
    net = YoloxDetector().eval()
    own, given = in_order_of_use(net), convolutions(path)
    if len(own) != len(given):
        raise ModelError(f"{len(given)} convolutions, not {len(own)}", str(path), "give yolox_nano.onnx")
    for index, (layer, (weight, bias)) in enumerate(zip(own, given, strict=True)):
        weight = joined_stem(weight) if index == 0 else weight
        kept = 1 if len(weight) == CLASSES else len(weight)
        weight, bias = weight[:kept], bias[:kept]
        assert layer.bias is not None
        if layer.weight.shape != weight.shape:
            raise ModelError(f"convolution {index} has shape {weight.shape}", str(path), "give yolox_nano.onnx")
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(weight))
            layer.bias.copy_(torch.tensor(bias))
    return net


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("onnx", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / YOLOX.name
    write_yolox(path, converted(options.onnx))
    graph = saved(convert_network(load_yolox(path), (1, 3, SIDE, SIDE)))
    write_graphs(graph_path(path), file_sha256(path), {"detector": graph})
    for one in (path, graph_path(path)):
        print(one, file_sha256(one))


if __name__ == "__main__":
    main()
