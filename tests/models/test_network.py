"""The `network:` section: validation, and the networks that it opens."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from models.architecture.rcnn import empty_rcnn
from models.engines.device import choose_device, choose_engine
from models.errors import ModelError
from models.inference.open_network import open_network, shared_network
from models.inference.preprocess import network_size
from models.inference.zoo_network import Limits, limits_of
from models.network import NetworkConfig
from models.variant import Variant


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kind", "heavy"),
        ("precision", "fp16"),
        ("min_score", 1.5),
        ("max_people", 0),
        ("min_size", 0),
        ("batch", 0),
    ],
)
def test_settings_out_of_range_are_refused(key: str, value: Any) -> None:
    with pytest.raises(ModelError) as caught:
        NetworkConfig(**{key: value})
    assert caught.value.where == f"network.{key}"
    assert str(value) in str(caught.value)


def test_errors_can_be_pickled() -> None:
    error = pickle.loads(pickle.dumps(ModelError("it is broken", "w.pkl", "mend it")))
    assert str(error) == "w.pkl: it is broken; mend it"


def test_zoo_networks_need_weights() -> None:
    with pytest.raises(ModelError, match="--weights FILE or zoo:NAME"):
        open_network(NetworkConfig(kind="zoo"), 1)


def test_default_limits_are_those_of_the_reference() -> None:
    """The reference's input sizes and thresholds."""
    assert limits_of(NetworkConfig(kind="zoo")) == Limits(
        min_size=800, max_size=1333, min_score=0.05, nms_threshold=0.5, max_people=100
    )
    assert limits_of(NetworkConfig(kind="zoo", min_size=400, max_people=3)) == Limits(min_size=400, max_people=3)


@pytest.mark.parametrize(
    ("frame_hw", "expected_hw"),
    [
        ((512, 512), (800, 800)),
        ((600, 1116), (717, 1333)),
        ((1080, 1920), (750, 1333)),
        ((1280, 720), (1333, 750)),
        ((1, 5000), (1, 1333)),
    ],
)
def test_network_sizes(frame_hw: tuple[int, int], expected_hw: tuple[int, int]) -> None:
    """The first two are from the reference's fixtures; the others are computed from 800 and 1333."""
    assert network_size(*frame_hw, 800, 1333) == expected_hw


def test_stages_share_one_network(tmp_path: Path) -> None:
    state = {name: torch.zeros(value.shape) for name, value in empty_rcnn(Variant()).state_dict().items()}
    torch.save({"model": state, "iteration": 1}, tmp_path / "w.pth")
    config = NetworkConfig(kind="zoo", weights=str(tmp_path / "w.pth"), engine="torch", device="cpu")
    before = torch.get_num_threads()
    network = open_network(config, 1)
    torch.set_num_threads(before)
    assert open_network(config, 1) is network
    assert network.name == "w.pth"
    assert len(network.sha256) == 64
    shared_network.cache_clear()


def test_weights_that_are_written_again_are_loaded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.inference.zoo_network.open_zoo", lambda *_: object())
    (tmp_path / "w.pth").write_bytes(b"first")
    config = NetworkConfig(kind="zoo", weights=str(tmp_path / "w.pth"))
    first = open_network(config, 1)
    assert open_network(config, 1) is first
    (tmp_path / "w.pth").write_bytes(b"trained further")
    assert open_network(config, 1) is not first
    shared_network.cache_clear()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_an_error() -> None:
    with pytest.raises(ModelError, match=r"network\.device"):
        choose_device("cuda")
    assert choose_device("auto").type == "cpu"


def test_openvino_on_a_gpu_is_an_error() -> None:
    with pytest.raises(ModelError, match="OpenVINO runs on the CPU"):
        choose_engine("openvino", torch.device("cuda"))
    assert choose_engine("auto", torch.device("cuda")) == "torch"


def test_published_networks_have_their_own_detector() -> None:
    with pytest.raises(ModelError, match=r"network\.detector: only the light network supports this key"):
        NetworkConfig(kind="zoo", detector="open")
