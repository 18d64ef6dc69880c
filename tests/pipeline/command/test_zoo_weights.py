"""Weights whose name says which network they are of."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from models.architecture.variant import Variant
from models.checkpoints.trained_weights import TrainedInfo, make_network, write_trained
from models.checkpoints.zoo import ZOO as ZOO_FILES
from models.errors import ModelError
from models.inference.open_network import configuration_of, fetch_weights
from models.network import NetworkConfig
from pipeline.command.zoo_weights import configuration_for_weights
from pipeline.config import load_config
from stages import STAGES

pytestmark = pytest.mark.quick

ZOO = "zoo:densepose_rcnn_R_101_FPN_DL_WC1M_s1x"


def test_published_weights_choose_their_configuration() -> None:
    assert configuration_for_weights("video", ZOO, ["render.style=parts"]) == (
        "zoo_r101_dl_wc1m",
        ["render.style=parts"],
    )
    assert configuration_for_weights("video", "light", []) == ("video", [])
    assert configuration_for_weights("zoo_r50_s1x", ZOO, []) == ("zoo_r50_s1x", [])


@pytest.mark.parametrize("config", ["live", "batch"])
def test_other_configurations_get_the_network_alone_and_what_was_set_counts(config: str) -> None:
    name, changes = configuration_for_weights(config, ZOO, ["network.min_size=480"])
    run = load_config(name, changes, STAGES)
    network = run.stages["detect"].network
    assert (name, network.kind, network.backbone, network.head) == (config, "zoo", "r101", "deeplab")
    assert (network.weights, network.confidence, network.segm_confidence) == (ZOO, "wc1", True)
    assert (network.min_size, network.max_size) == (480, 1333)


def test_an_unknown_name_is_for_the_published_network_to_refuse() -> None:
    assert configuration_for_weights("video", "zoo:nonsense", []) == ("video", ["network.kind=zoo"])


def test_every_published_network_has_the_configuration_that_is_named_for_it() -> None:
    for name in ZOO_FILES:
        config = load_config(configuration_of(name), [], STAGES)
        assert config.stages["detect"].network.weights == f"zoo:{name}"


def test_weights_of_another_network_say_which_setting_they_want(tmp_path: Path) -> None:
    trained, checkpoint = tmp_path / "mine.safetensors", tmp_path / "model_final_844d15.pkl"
    variant = Variant()
    with torch.device("meta"):
        network = make_network("fcn", variant)
    first = dict(list(network.state_dict().items())[:1])
    about = TrainedInfo(kind="fcn", variant=variant, min_size=1, max_size=2)
    write_trained(trained, {name: torch.zeros(value.shape) for name, value in first.items()}, about)
    checkpoint.write_bytes(b"anything")
    with pytest.raises(ModelError, match=r"of kind 'fcn'.*; add --set network\.kind=trained"):
        fetch_weights(NetworkConfig(weights=str(trained)))
    with pytest.raises(ModelError, match=r"of a published network, .*; add -c zoo_r101_dl$"):
        fetch_weights(NetworkConfig(weights=str(checkpoint)))
    fetch_weights(NetworkConfig(kind="trained", weights=str(trained)))
    save_file({"a": torch.zeros(1)}, tmp_path / "else.safetensors")
    fetch_weights(NetworkConfig(weights=str(tmp_path / "else.safetensors")))
