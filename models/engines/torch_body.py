"""A torch network of one input and one output, made ready for inputs of one shape on the CPU."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import nn

from models.engines.engine import F32, Body, Engine, Precision, compile_graph, import_openvino


def compile_body(
    net: nn.Module, shape: tuple[int, int, int, int], *, engine: Engine, precision: Precision, threads: int
) -> Body:
    """Make a network ready for inputs of one shape.

    Args:
        net: takes float32 (N,3,H,W) and gives one tensor; put into evaluation mode.
        shape: of the input.
        threads: compute threads of OpenVINO; torch uses the process's own setting.
    """
    if engine == "openvino":
        return compile_graph(convert_body(net, shape), precision=precision, threads=threads)
    return _run_torch(net.eval(), precision)


def _run_torch(net: nn.Module, precision: Precision) -> Body:
    net = net.to(memory_format=torch.channels_last)

    def run(x_NCHW: F32) -> F32:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            x = torch.from_numpy(x_NCHW).contiguous(memory_format=torch.channels_last)
            return net(x).float().contiguous().numpy()

    return run


def convert_body(net: nn.Module, shape: tuple[int, int, int, int]) -> Any:
    """A network, put into evaluation mode, as an OpenVINO model for inputs of one shape."""
    net, openvino = net.eval(), import_openvino()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Traced here: left to itself, OpenVINO traces three times.
        traced = torch.jit.trace(net, torch.zeros(shape), check_trace=False)
        return openvino.convert_model(traced, input=[list(shape)])
