"""What is wrong with a network's settings is known before it is opened, and without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from models.checkpoints.trained_info import TrainedInfo
from models.checkpoints.trained_weights import make_network, write_trained
from models.errors import ModelError
from models.inference.network_check import check_network
from models.network import NetworkConfig
from models.variant import Variant

pytestmark = pytest.mark.quick

NO_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that are weights of another kind, or none at all."""
    folder = tmp_path_factory.mktemp("weights")
    (folder / "folder").mkdir()
    for name in ("text.txt", "text.pkl", "text.pth", "text.safetensors", "model_final_844d15.pkl"):
        (folder / name).write_text("no weights")
    (folder / "pickle.pkl").write_bytes(b"\x80\x02}.")
    save_file({"a": torch.zeros(1)}, folder / "other.safetensors")
    save_file({"detector.a": torch.zeros(1), "surface.a": torch.zeros(1)}, folder / "light.safetensors")
    variant = Variant()
    with torch.device("meta"):
        names = list(make_network("fcn", variant).state_dict())[:1]
    about = TrainedInfo(kind="fcn", variant=variant, min_size=1, max_size=2)
    write_trained(folder / "fcn.safetensors", {name: torch.zeros(1) for name in names}, about)
    return folder


@pytest.mark.parametrize(
    ("kind", "weights", "message"),
    [
        ("light", "ligth", r"ligth: there is no such weights file; did you mean 'light'\?"),
        ("light", "none.safetensors", r"none\.safetensors: there is no such weights file; check the name"),
        ("light", "folder", "folder: is a folder, not a weights file"),
        ("light", "text.txt", r"text\.txt: not a safetensors file"),
        ("light", "other.safetensors", "these are no weights of the light network"),
        ("light", "fcn.safetensors", r"of kind 'fcn'.*; add --set network\.kind=trained"),
        ("light", "model_final_844d15.pkl", "of a published network, .*; add -c zoo_r101_dl$"),
        ("trained", "light", "a trained network has no built-in weights"),
        ("trained", "other.safetensors", "has no description of a trained network"),
        ("trained", "folder", "is a folder"),
        ("zoo", "light", "a zoo network has no built-in weights"),
        ("zoo", "zoo:densepose_rcnn_r50_FPN_s1x", r"did you mean 'zoo:densepose_rcnn_R_50_FPN_s1x'\?"),
        ("zoo", "zoo:nonsense", "use one of densepose_rcnn_R_50_FPN_s1x_legacy, "),
        ("zoo", "text.txt", "unknown kind of weights file; give one of .pkl, .pth, .pt, .safetensors"),
        ("zoo", "text.pkl", r"not readable as weights: no \.pkl file"),
        ("zoo", "text.pth", r"not readable as weights: no \.pth file"),
        ("zoo", "text.safetensors", "not readable as weights"),
        ("zoo", "light.safetensors", "these are weights of the light network"),
        ("zoo", "none.pkl", "there is no such weights file"),
    ],
)
def test_files_that_are_no_weights_of_the_network_are_refused(
    place: Path, monkeypatch: pytest.MonkeyPatch, kind: Any, weights: str, message: str
) -> None:
    monkeypatch.chdir(place)
    with pytest.raises(ModelError, match=message):
        check_network(NetworkConfig(kind=kind, weights=weights))


@pytest.mark.parametrize(
    ("kind", "weights"),
    [
        ("light", "light"),
        ("light", "light.safetensors"),
        ("trained", "fcn.safetensors"),
        ("zoo", "pickle.pkl"),
        ("zoo", "zoo:densepose_rcnn_R_50_FPN_s1x"),
    ],
)
def test_files_that_may_be_weights_of_the_network_pass(
    place: Path, monkeypatch: pytest.MonkeyPatch, kind: Any, weights: str
) -> None:
    monkeypatch.chdir(place)
    check_network(NetworkConfig(kind=kind, weights=weights))


OF_THE_CPU: list[dict[str, Any]] = [
    *({}, {"precision": "int8"}, {"engine": "openvino"}),
    {"kind": "zoo", "engine": "openvino"},
]


@pytest.mark.parametrize("changes", OF_THE_CPU)
def test_a_gpu_is_refused_where_no_gpu_can_be_used(changes: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="CPU"):
        NetworkConfig(device="cuda", **changes)
    assert not NetworkConfig(**changes).uses_gpu()


def test_int8_is_refused_where_there_are_no_graphs_of_it() -> None:
    with pytest.raises(ModelError, match=r"network\.precision: only the light network"):
        NetworkConfig(kind="zoo", precision="int8")
    with pytest.raises(ModelError, match=r"network\.precision: 8-bit graphs run only in OpenVINO"):
        check_network(NetworkConfig(precision="int8", engine="torch"))


def test_networks_that_run_on_the_cpu_alone_refuse_a_gpu(place: Path) -> None:
    with pytest.raises(ModelError, match=r"network\.device: a trained network of kind 'fcn' runs on the CPU alone"):
        check_network(NetworkConfig(kind="trained", weights=str(place / "fcn.safetensors"), device="cuda"))


@NO_GPU
def test_a_gpu_that_is_not_there_is_refused(place: Path) -> None:
    with pytest.raises(ModelError, match=r"network\.device: there is no GPU that torch can use"):
        check_network(NetworkConfig(kind="zoo", weights=str(place / "pickle.pkl"), device="cuda"))


def test_the_check_does_not_wait_for_torch(root: Path) -> None:
    code = (
        "import sys; from models.inference.network_check import check_network\n"
        "from models.network import NetworkConfig\n"
        "check_network(NetworkConfig(weights='models/weights/light.safetensors')); print('torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
