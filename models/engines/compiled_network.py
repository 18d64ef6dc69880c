"""A torch network of one input and one output, compiled for inputs of one shape on the CPU."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import nn

from models.arrays import F32
from models.engines.engine import CompiledNetwork, Engine, Precision, compile_graph, import_openvino


def compile_network(
    net: nn.Module, shape: tuple[int, int, int, int], *, engine: Engine, precision: Precision, threads: int
) -> CompiledNetwork:
    """Compile a network for inputs of one shape.

    Args:
        net: from float32 (N,3,H,W) to one tensor. It is set to evaluation mode.
        shape: of the input.
        threads: compute threads of OpenVINO; torch uses the setting of the process.
    """
    if engine == "openvino":
        return compile_graph(convert_network(net, shape), precision=precision, threads=threads)
    return _run_torch(net.eval(), precision)


def _run_torch(net: nn.Module, precision: Precision) -> CompiledNetwork:
    net = net.to(memory_format=torch.channels_last)

    def run(x_NCHW: F32) -> F32:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            x = torch.from_numpy(x_NCHW).contiguous(memory_format=torch.channels_last)
            return net(x).float().contiguous().numpy()

    return run


def convert_network(net: nn.Module, shape: tuple[int, int, int, int]) -> Any:
    """Set a network to evaluation mode and convert it to an OpenVINO model for inputs of one shape."""
    net, openvino = net.eval(), import_openvino()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Traced here, because OpenVINO itself would trace three times.
        traced = torch.jit.trace(net, torch.zeros(shape), check_trace=False)
        return openvino.convert_model(traced, input=[list(shape)])
