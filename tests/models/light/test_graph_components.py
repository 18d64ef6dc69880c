"""8-bit graphs beside the weights: read, refused, and run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from models.engines.compiled_network import compile_network, convert_network
from models.engines.engine import cpu_precision, has_int8
from models.errors import ModelError
from models.light.architecture.detector import PersonDetector
from models.light.architecture.weight_paths import quantized_path
from models.light.inference.graph_components import (
    GraphComponent,
    has_graphs_of,
    read_graphs,
    write_graphs,
)
from models.light.inference.open_components import light_precision
from stages.training.light.quantize_light import first_and_outputs, saved

SOURCE = "ab" * 32


class Doubling(nn.Module):
    """Any size in; the doubled values at half the size out."""

    def forward(self, x_NCHW: torch.Tensor) -> torch.Tensor:
        """(N,3,H,W) to (N,3,H/2,W/2)."""
        return nn.functional.avg_pool2d(x_NCHW, 2) * 2


def written(folder: Path) -> Path:
    """A file of two graphs."""
    graph = saved(convert_network(Doubling(), (1, 3, 8, 8)))
    path = quantized_path(folder / "light.safetensors")
    write_graphs(path, SOURCE, {"detector": graph, "surface": graph})
    return path


def test_graphs_are_read_back_and_run_at_another_size(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert path.name == "light_int8.safetensors"
    read = read_graphs(path, SOURCE, ("detector",))
    x = np.random.default_rng(0).random((1, 3, 16, 12), np.float32)
    expected = compile_network(Doubling(), (1, 3, 16, 12), engine="torch", precision="fp32", threads=1)(x)
    component = GraphComponent(graph=read["detector"], channels=3, precision="fp32", threads=1, batch_size=1)
    np.testing.assert_allclose(component.compiled(1, 16, 12)(x), expected, atol=1e-5)


def test_graphs_of_other_weights_are_refused_and_not_chosen(tmp_path: Path) -> None:
    path = written(tmp_path)
    weights = tmp_path / "light.safetensors"
    assert has_graphs_of(path, SOURCE)
    assert not has_graphs_of(path, "cd" * 32)
    with pytest.raises(ModelError, match="other weights"):
        read_graphs(path, "cd" * 32, ("detector",))
    chosen = light_precision("auto", "openvino", weights, SOURCE)
    assert (chosen == "int8") == has_int8()
    assert light_precision("auto", "openvino", weights, "cd" * 32) != "int8"
    assert light_precision("auto", "torch", weights, SOURCE) != "int8"
    assert light_precision("fp32", "openvino", weights, SOURCE) == "fp32"


def test_damaged_and_missing_files_and_wrong_engines_are_named(tmp_path: Path) -> None:
    path = quantized_path(tmp_path / "light.safetensors")
    with pytest.raises(ModelError, match="missing"):
        read_graphs(path, SOURCE, ("detector",))
    path.write_bytes(b"not a file of tensors")
    with pytest.raises(ModelError, match="not a file of graphs"):
        read_graphs(path, SOURCE, ("detector",))
    with pytest.raises(ModelError, match="not a file of graphs"):
        has_graphs_of(path, SOURCE)
    with pytest.raises(ModelError, match="only in OpenVINO"):
        light_precision("int8", "torch", path, SOURCE)
    with pytest.raises(ModelError, match="only the light network"):
        cpu_precision("int8")


def test_first_and_output_layers_of_a_detector_are_found() -> None:
    model = convert_network(PersonDetector(), (1, 3, 64, 96))
    shapes = {
        op.get_friendly_name(): (op.input(1).get_shape()[1], op.output(0).get_shape()[1])
        for op in model.get_ordered_ops()
        if op.get_type_name() == "Convolution"
    }
    channels = [shapes[name] for name in first_and_outputs(model)]
    assert channels[0][0] == 3
    assert sorted(outputs for _, outputs in channels[1:]) == [1, 1, 1, 4, 4, 4]
