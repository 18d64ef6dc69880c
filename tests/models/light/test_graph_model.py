"""Graph models of TensorFlow.js: against its own answers, and a small graph against arithmetic by hand."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from models.errors import ModelError
from models.light.teachers.graph_model import GraphModel

NAMES = (
    "movenet-thunder",
    "facemesh-attention",
    "facemesh-detection-short",
    "facemesh-detection-full",
    "handlandmark-full",
    "handdetect",
)


def predictions(folder: Path, name: str, image: int) -> list[tuple[Any, Any]]:
    """Ours and TensorFlow.js's value of each output for an image that it resizes with aligned corners."""
    expected = np.load(folder / "expected.npz")
    model = GraphModel(folder / f"{name}.json")
    rgb = torch.from_numpy(expected["input_2_256_256_3"][image : image + 1]).permute(0, 3, 1, 2).float()
    sized = interpolate(rgb, size=model.shape[1:3], mode="bilinear", align_corners=True).permute(0, 2, 3, 1).numpy()
    ours = model(sized if name.startswith("movenet") else sized / 255)
    assert set(ours) == {key.split("|")[1] for key in expected.files if key.startswith(f"{name}|")}
    return [(value, expected[f"{name}|{key}|{image}"]) for key, value in ours.items()]


@pytest.mark.parametrize("image", [0, 1])
@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_those_of_its_own_runtime(name: str, image: int, shared: Path) -> None:
    """Within 1e-4 of each output's range."""
    for ours, theirs in predictions(shared / "assets/oracles/human-models", name, image):
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() <= 1e-4 * max(float(np.ptp(theirs)), 1.0)


@pytest.mark.parametrize("image", [0, 1])
def test_selfie_is_that_of_its_own_runtime(image: int, shared: Path) -> None:
    """All but a thousandth of the pixels within 1e-4: this network magnifies what float32 rounds."""
    ((ours, theirs),) = predictions(shared / "assets/oracles/human-models", "selfie", image)
    gap = np.abs(ours - theirs)
    assert (gap > 1e-4).mean() < 2e-3
    assert gap.max() < 1e-3


def small_graph(folder: Path, *, spare_bytes: int = 0) -> Path:
    """-PReLU(2x + 1), with slope .5, of an image of 1 x 2 pixels; the weights are stored as float16."""

    def text(value: str) -> dict[str, str]:
        return {"s": base64.b64encode(value.encode()).decode()}

    dtype = {"type": "DT_FLOAT"}
    fused = {"list": {"s": [text("BiasAdd")["s"], text("Prelu")["s"]]}}
    window = {"strides": {"list": {"i": ["1"] * 4}}, "padding": text("SAME"), "data_format": text("NHWC")}
    dims = {"shape": {"dim": [{"size": size} for size in ("-1", "1", "2", "1")]}}
    weights = {"kernel": [[[[2.0]]]], "bias": [1.0], "slope": [0.5]}
    constants = [{"name": name, "op": "Const", "attr": {"dtype": dtype}} for name in weights]
    nodes = [
        {"name": "x", "op": "Placeholder", "attr": {"dtype": dtype, "shape": dims}},
        *constants,
        {
            "name": "joined",
            "op": "_FusedConv2D",
            "input": ["x", *weights],
            "attr": {"T": dtype, "fused_ops": fused, "num_args": {"i": "2"}, **window},
        },
        {"name": "y", "op": "Neg", "input": ["joined"], "attr": {"T": dtype}},
    ]
    half = {"quantization": {"dtype": "float16"}, "dtype": "float32"}
    specs = [{"name": name, "shape": list(np.shape(value)), **half} for name, value in weights.items()]
    path = folder / "small.json"
    path.write_text(json.dumps({"modelTopology": {"node": nodes}, "weightsManifest": [{"weights": specs}]}))
    stored = b"".join(np.array(value, np.float16).tobytes() for value in weights.values())
    path.with_suffix(".bin").write_bytes(stored + bytes(spare_bytes))
    return path


def test_joined_nodes_are_split(tmp_path: Path) -> None:
    """Convolution, bias and slope one after the other."""
    model = GraphModel(small_graph(tmp_path))
    assert model.shape == (1, 1, 2, 1)
    np.testing.assert_allclose(model(np.array([1.5, -2.0]).reshape(1, 1, 2, 1))["y"].ravel(), [-4.0, 1.5])


def test_weights_of_another_graph_are_refused(tmp_path: Path) -> None:
    """The graph says how many bytes there are."""
    with pytest.raises(ModelError, match="8 bytes, the graph 6"):
        GraphModel(small_graph(tmp_path, spare_bytes=2))


def test_missing_weights_are_named(tmp_path: Path) -> None:
    """The .bin beside the .json."""
    path = small_graph(tmp_path)
    path.with_suffix(".bin").unlink()
    with pytest.raises(ModelError, match=r"small\.bin"):
        GraphModel(path)
