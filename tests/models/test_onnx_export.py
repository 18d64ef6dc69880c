"""ONNX files of whole networks: the same outputs as the network, also for sizes that were not traced."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from models.architecture.variant import Variant
from models.checkpoints.trained_weights import TrainedInfo, make_network, write_trained
from models.errors import ModelError
from models.inference.onnx_export import graphs_of, write_graph
from models.inference.trained_network import open_trained
from models.network import NetworkConfig

NEEDED = all(importlib.util.find_spec(name) for name in ("onnx", "onnxruntime"))
pytestmark = pytest.mark.skipif(not NEEDED, reason="onnx or ONNX Runtime is not installed: pip install '.[onnx]'")

SIZES = ((96, 128), (150, 203), (70, 64))


def images() -> list[np.ndarray]:
    random = np.random.default_rng(4)
    return [random.integers(0, 255, (*size, 3), dtype=np.uint8) for size in SIZES]


def trained(folder: Path, **changes: object) -> Path:
    """A small network with random weights that finds people."""
    torch.manual_seed(3)
    variant = Variant(backbone="tiny", **changes)  # type: ignore[arg-type]
    weights = make_network("rcnn", variant).state_dict()
    weights["roi_heads.box_predictor.cls_score.bias"] = torch.tensor([2.0, -2.0])
    path = folder / "drawn.safetensors"
    write_trained(path, weights, TrainedInfo(kind="rcnn", variant=variant, min_size=96, max_size=128))
    return path


@pytest.mark.parametrize(
    "changes", [{}, {"legacy": True}, {"head": "deeplab"}, {"mask": True, "keypoints": True, "cascade": True}]
)
def test_the_file_gives_the_same_outputs_as_the_network(tmp_path: Path, changes: dict[str, object]) -> None:
    config = NetworkConfig(kind="trained", weights=str(trained(tmp_path, **changes)), max_people=7)
    (graph,) = graphs_of(config, images())
    made = write_graph(graph, tmp_path, threads=1)
    assert made.path == tmp_path / "drawn.onnx" and made.path.stat().st_size > 1e5
    assert made.most == (7, 7, 7)
    assert {name for name in ("mask", "keypoints") if name in made.error} == {"mask", "keypoints"} & set(changes)
    assert made.error["boxes"] < 1e-2  # pixels
    assert max(value for name, value in made.error.items() if name != "boxes") < 1e-3


def test_the_graph_finds_the_same_people_as_the_compiled_parts(tmp_path: Path) -> None:
    """Compared with the compiled parts; the image has the network's input size."""
    path = trained(tmp_path)
    config = NetworkConfig(kind="trained", weights=str(path), engine="torch", precision="fp32", max_people=7)
    rgb_HW3 = images()[0]
    found = open_trained(config, 1).detect(rgb_HW3[None])[0][0]
    (graph,) = graphs_of(config, [rgb_HW3])
    box_N4, score_N, *_ = graph.network.eval()(torch.from_numpy(rgb_HW3))
    np.testing.assert_allclose(box_N4.detach().numpy(), found.box_N4, atol=1e-2)
    np.testing.assert_allclose(score_N.detach().numpy(), found.score_N, atol=1e-4)


def test_images_without_people_are_supported(tmp_path: Path) -> None:
    config = NetworkConfig(kind="trained", weights=str(trained(tmp_path)), score_threshold=1.0)
    (graph,) = graphs_of(config, images())
    assert write_graph(graph, tmp_path, threads=1).most == (0, 0, 0)


def test_the_light_network_is_exported_as_two_files(tmp_path: Path) -> None:
    detector, surface = (write_graph(graph, tmp_path, threads=1) for graph in graphs_of(NetworkConfig(), images()))
    assert {detector.path.name, surface.path.name} == {"light_detector.onnx", "light_surface.onnx"}
    assert detector.error["rows"] < 1e-3 and surface.most == (1, 2, 3)


def test_unsupported_networks_are_an_error(tmp_path: Path) -> None:
    variant = Variant(backbone="tiny")
    path = tmp_path / "fcn.safetensors"
    about = TrainedInfo(kind="fcn", variant=variant, min_size=96, max_size=128)
    write_trained(path, make_network("fcn", variant).state_dict(), about)
    with pytest.raises(ModelError, match="a network of kind fcn cannot be exported"):
        graphs_of(NetworkConfig(kind="trained", weights=str(path)), images())
