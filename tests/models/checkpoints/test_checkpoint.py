"""Weights files: reading, refusal, and messages."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from models.architecture.box_head import BoxPredictor
from models.architecture.rcnn import empty_rcnn
from models.checkpoints.caffe2_names import rename_caffe2
from models.checkpoints.checkpoint import Checkpoint, load_checkpoint, load_into
from models.errors import ModelError
from models.files.atomic_file import file_sha256
from models.variant import SIZES, Variant

pytestmark = pytest.mark.quick

ARRAYS = {"a.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "a.bias": np.ones(2, np.float64)}


def written(path: Path, content: Any, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("wrapped", [False, True])
def test_pickles_of_every_protocol(tmp_path: Path, protocol: int, wrapped: bool) -> None:
    content = {"model": ARRAYS, "__author__": "the zoo"} if wrapped else ARRAYS
    found = load_checkpoint(written(tmp_path / "w.pkl", content, protocol)).weights
    assert set(found) == set(ARRAYS)
    assert all(torch.equal(found[name], torch.from_numpy(ARRAYS[name]).float()) for name in ARRAYS)


def test_names_of_older_numpy_are_read(tmp_path: Path) -> None:
    """The zoo's files are from the time when numpy._core was called numpy.core."""
    content = pickle.dumps(ARRAYS, protocol=2).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    (tmp_path / "w.pkl").write_bytes(content)
    assert torch.equal(load_checkpoint(tmp_path / "w.pkl").weights["a.bias"], torch.ones(2))


def test_arrays_pickled_by_python_2_are_read(tmp_path: Path) -> None:
    """Python 2 wrote array bytes as str: opcode T, read as latin1."""
    data = np.array([1.5, -2.0], "<f4")
    content = (
        b"\x80\x02}U\x01wcnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01K\x02\x85"
        b"cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        b"U" + bytes([data.nbytes]) + data.tobytes() + b"tbs."
    )
    (tmp_path / "w.pkl").write_bytes(content)
    assert load_checkpoint(tmp_path / "w.pkl").weights["w"].tolist() == [1.5, -2.0]


class Evil:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("suffix", [".pkl", ".pth"])
def test_code_in_a_file_is_not_run(tmp_path: Path, suffix: str) -> None:
    path, target = tmp_path / f"w{suffix}", tmp_path / "made"
    if suffix == ".pkl":
        written(path, {"model": Evil(target)})
    else:
        torch.save({"model": Evil(target)}, path)
    with pytest.raises(ModelError, match=r"not readable as weights"):
        load_checkpoint(path)
    assert not target.exists()


@pytest.mark.parametrize("name", ["w.pkl", "w.pth", "w.safetensors"])
@pytest.mark.parametrize("content", [b"", b"\x80\x04garbage", b"not weights at all" * 99])
def test_damaged_files_are_errors(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError) as caught:
        load_checkpoint(tmp_path / name)
    assert caught.value.where == str(tmp_path / name)
    assert caught.value.remedy


def test_other_files_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such weights file"):
        load_checkpoint(tmp_path / "absent.pkl")
    with pytest.raises(ModelError, match="unknown kind of weights file"):
        load_checkpoint(tmp_path / "w.onnx")
    with pytest.raises(ModelError, match="contains no named weights"):
        load_checkpoint(written(tmp_path / "list.pkl", [1, 2]))
    with pytest.raises(ModelError, match=r"a\.b is not an array of numbers"):
        load_checkpoint(written(tmp_path / "text.pkl", {"a.b": "text"}))


def test_training_states_and_safetensors(tmp_path: Path) -> None:
    state = {name: torch.from_numpy(value) for name, value in ARRAYS.items()}
    torch.save(
        {"model": state, "optimizer": {"state": {}}, "scheduler": {"step": 3}, "iteration": 7}, tmp_path / "a.pth"
    )
    torch.save(state, tmp_path / "b.pth")
    safetensors.torch.save_file(state, tmp_path / "c.safetensors")
    for name in ("a.pth", "b.pth", "c.safetensors"):
        found = load_checkpoint(tmp_path / name).weights
        assert set(found) == set(state)
        assert torch.equal(found["a.weight"], state["a.weight"])


def test_derived_keys_are_ignored(tmp_path: Path) -> None:
    extra = {
        "pixel_mean": np.zeros(3),
        "pixel_std": np.ones(3),
        "proposal_generator.anchor_generator.cell_anchors.0": np.zeros((3, 4)),
    }
    assert set(load_checkpoint(written(tmp_path / "w.pkl", {"model": ARRAYS | extra})).weights) == set(ARRAYS)


def test_weights_that_do_not_fit_are_named_and_change_nothing() -> None:
    layer = nn.Linear(3, 2)
    before = layer.weight.clone()
    weights = {"weight": torch.zeros(4, 3), "other": torch.zeros(1)}
    with pytest.raises(ModelError) as caught:
        load_into(Checkpoint(weights=weights, endings_only=False), layer, "w.pkl")
    message = str(caught.value)
    assert "1 missing (bias)" in message
    assert "1 unexpected (other)" in message
    assert "weight (4, 3) instead of (2, 3)" in message
    assert torch.equal(layer.weight, before)


def test_names_may_be_endings(tmp_path: Path) -> None:
    layers = nn.ModuleDict({"deep": nn.ModuleDict({"a": nn.Linear(3, 2)})})
    path = written(tmp_path / "w.pkl", {"model": ARRAYS, "__author__": "x", "matching_heuristics": True})
    load_into(load_checkpoint(path), layers, "w.pkl")
    assert layers.state_dict()["deep.a.weight"].tolist() == ARRAYS["a.weight"].tolist()
    strict = load_checkpoint(written(path, {"model": ARRAYS, "__author__": "x"}))
    with pytest.raises(ModelError, match=r"2 missing \(deep\.a"):
        load_into(strict, layers, "w.pkl")


def test_weights_of_another_variant_are_refused() -> None:
    network = empty_rcnn(Variant())
    deep = empty_rcnn(Variant(head="deeplab")).state_dict()
    with pytest.raises(ModelError, match=r"8 missing .*body_conv_fcn1\.bias.* unexpected .*ASPP"):
        load_into(Checkpoint(weights=deep, endings_only=False), network, "w.pkl")


def caffe2_backbone() -> dict[str, np.ndarray]:
    """An ImageNet R-50 with Caffe2's names, every array with the right shape."""
    rng = np.random.default_rng(0)
    shapes = {"conv1": (64, 3, 7, 7)}
    inputs = 64
    for stage, blocks in enumerate((3, 4, 6, 3)):
        width, outputs = 64 << stage, 256 << stage
        for block in range(blocks):
            name = f"res{stage + 2}_{block}_branch"
            shapes[f"{name}2a"] = (width, inputs, 1, 1)
            shapes[f"{name}2b"] = (width, width, 3, 3)
            shapes[f"{name}2c"] = (outputs, width, 1, 1)
            if block == 0:
                shapes[f"{name}1"] = (outputs, inputs, 1, 1)
            inputs = outputs
    found = {}
    for name, shape in shapes.items():
        norm = "res_conv1" if name == "conv1" else name
        found[f"{name}_w"] = np.zeros(shape, np.float32)
        found[f"{norm}_bn_s"] = rng.normal(size=shape[0]).astype(np.float32)
        found[f"{norm}_bn_b"] = rng.normal(size=shape[0]).astype(np.float32)
    return found


def test_caffe2_imagenet_backbones_are_renamed(tmp_path: Path) -> None:
    """Caffe2 names become exactly the backbone's names; a norm without statistics is x * scale + shift."""
    arrays = caffe2_backbone() | {
        "fc1000_w": np.zeros((2, 2)),
        "conv1_b": np.zeros(64),
        "conv1_w_momentum": np.zeros(1),
    }
    checkpoint = load_checkpoint(written(tmp_path / "R-50.pkl", arrays))
    bottom_up = empty_rcnn(Variant()).backbone.bottom_up
    prefix = "backbone.bottom_up."
    weights = {name.removeprefix(prefix): value for name, value in checkpoint.weights.items()}
    load_into(Checkpoint(weights=weights, endings_only=False), bottom_up, "R-50.pkl")
    norm = bottom_up.get_submodule("res3.0.conv2.norm")
    x = torch.randn(1, 128, 2, 2)
    scale, shift = (torch.from_numpy(arrays[f"res3_0_branch2b_bn_{end}"])[:, None, None] for end in "sb")
    assert torch.allclose(norm(x), x * scale + shift, atol=1e-6)


def test_detectron1_heads_are_renamed() -> None:
    """The background moves from the first to the last place and has no box."""
    scores, deltas = torch.tensor([[1.0], [2.0]]), torch.arange(8.0)[:, None]
    found = rename_caffe2({"cls_score_w": scores, "bbox_pred_w": deltas, "fpn_inner_res4_22_sum_lateral_w": scores})
    assert found["roi_heads.box_predictor.cls_score.weight"].tolist() == [[2.0], [1.0]]
    assert found["roi_heads.box_predictor.bbox_pred.weight"].squeeze(1).tolist() == [4.0, 5.0, 6.0, 7.0]
    assert "backbone.fpn_lateral4.weight" in found
    assert {name.split(".")[-2] for name in found} >= set(dict(BoxPredictor(SIZES["r50"]).named_children()))


def test_digest(tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(b"abc")
    assert file_sha256(tmp_path / "w") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
