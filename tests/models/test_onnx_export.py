"""ONNX files of whole networks: the same outputs as the network, also for sizes that were not traced."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from models.checkpoints.trained_info import TrainedInfo
from models.checkpoints.trained_weights import make_network, write_trained
from models.errors import ModelError
from models.inference.onnx_export import Exported, graphs_of, write_graph
from models.inference.trained_network import open_trained
from models.network import NetworkConfig
from models.variant import Variant
from pipeline.command.cli import main
from tests.test_architecture import imports

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
    config = NetworkConfig(kind="trained", weights=str(trained(tmp_path)), min_score=1.0)
    (graph,) = graphs_of(config, images())
    assert write_graph(graph, tmp_path, threads=1).most == (0, 0, 0)


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> tuple[Exported, Exported]:
    """The files of the built-in weights: detector, surface."""
    folder = tmp_path_factory.mktemp("light")
    detector, surface = (write_graph(graph, folder, threads=1) for graph in graphs_of(NetworkConfig(), images()))
    return detector, surface


def test_the_light_network_is_exported_as_two_files(light: tuple[Exported, Exported]) -> None:
    detector, surface = light
    assert {detector.path.name, surface.path.name} == {"light_detector.onnx", "light_surface.onnx"}
    assert detector.error["rows"] < 1e-3 and surface.most == (1, 2, 3)


def test_the_documented_shapes_are_those_of_the_files(light: tuple[Exported, Exported], root: Path) -> None:
    import onnxruntime

    rows = [line for line in (root / "docs" / "onnx.md").read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    for one in light:
        session = onnxruntime.InferenceSession(str(one.path), providers=["CPUExecutionProvider"])
        (row,) = (row for row in rows if row.startswith(f"| `{one.path.name}` "))
        (taken,), (given,) = session.get_inputs(), session.get_outputs()
        free = {name: size for name, size in zip(taken.shape, (3, 3, 64, 96), strict=True) if isinstance(name, str)}
        example = np.zeros([free.get(size, size) for size in taken.shape], np.float32)
        sizes = session.run(None, {taken.name: example})[0].shape
        pairs = zip(given.shape, sizes, strict=True)
        shape = [own if own in ("images", "people", "locations") else size for own, size in pairs]
        for cell, value, size in zip(row.split("|")[2:4], (taken, given), (taken.shape, shape), strict=True):
            assert value.type == "tensor(float)" and f"`{value.name}` float32 ({', '.join(map(str, size))})" in cell


def test_a_program_of_somebody_else_gives_the_result_of_this_one(
    light: tuple[Exported, Exported], root: Path, tmp_path: Path
) -> None:
    """The documented script, which imports nothing of this project, against the program with one pass for a person."""
    script, photo = root / "docs" / "examples" / "onnx_photo.py", tmp_path / "photo.png"
    with av.open(str(root / "configs" / "demo_walk.mp4")) as clip:
        Image.fromarray(next(clip.decode(video=0)).to_ndarray(format="rgb24")).save(photo)
    loaded = {name.partition(".")[0] for name in imports(ast.parse(script.read_text(encoding="utf-8")))}
    assert loaded - set(sys.stdlib_module_names) == {"numpy", "onnxruntime"}
    command = [sys.executable, "-I", str(script), str(light[0].path.parent), "photo.png", "theirs.png"]
    subprocess.run(command, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    plain = {"tta": "adaptive_fast", "flip": "false", "roll_align": "false", "precision": "fp32"}
    words = [word for key, value in plain.items() for word in ("--set", f"network.{key}={value}")]
    own = [str(photo), "--serial", "-o", str(tmp_path / "o.png"), "--export", f"iuv={tmp_path}/iuv/", *words]
    assert main(own) == 0
    theirs, ours = (np.array(Image.open(path)) for path in (tmp_path / "theirs.png", tmp_path / "iuv" / "photo.png"))
    both = (theirs[..., 2] > 0) & (ours[..., 2] > 0)
    assert both.sum() > 2000 and both.sum() > 0.98 * ((theirs[..., 2] > 0) | (ours[..., 2] > 0)).sum()
    same = both & (theirs[..., 2] == ours[..., 2])
    assert same.sum() > 0.95 * both.sum()
    assert np.abs(theirs[same].astype(int) - ours[same])[:, :2].mean() < 2


def test_unsupported_networks_are_an_error(tmp_path: Path) -> None:
    variant = Variant(backbone="tiny")
    path = tmp_path / "fcn.safetensors"
    about = TrainedInfo(kind="fcn", variant=variant, min_size=96, max_size=128)
    write_trained(path, make_network("fcn", variant).state_dict(), about)
    with pytest.raises(ModelError, match="a network of kind fcn cannot be exported"):
        graphs_of(NetworkConfig(kind="trained", weights=str(path)), images())
